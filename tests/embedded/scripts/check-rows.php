<?php $db = new SQLite3($_GET["file"]); echo $db->querySingle("select count(*) from t"), " ", $db->querySingle("pragma integrity_check");
