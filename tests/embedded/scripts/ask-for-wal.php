<?php
$db = new SQLite3($_GET["file"]);
$mode = $db->querySingle("PRAGMA journal_mode=WAL");
$db->exec("create table if not exists t (x)"); $db->exec("insert into t values (1)");
echo json_encode([$mode, $db->querySingle("select count(*) from t")]);
