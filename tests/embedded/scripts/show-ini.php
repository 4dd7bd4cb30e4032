<?php $out = []; foreach (explode(",", $_GET["names"]) as $name) $out[$name] = ini_get($name); echo json_encode($out);
