<?php
$file = $_FILES["file"];
$target = $_GET["target"];
echo json_encode([$file["size"], $file["error"], is_uploaded_file($file["tmp_name"]), move_uploaded_file($file["tmp_name"], $target), $_POST]);
