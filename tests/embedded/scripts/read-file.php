<?php echo file_exists($_GET["file"]) ? file_get_contents($_GET["file"]) : "missing";
