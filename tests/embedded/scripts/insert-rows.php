<?php
$get = $_GET ?: ["file" => $argv[1]];
$db = new PDO("sqlite:" . $get["file"]); $db->setAttribute(PDO::ATTR_TIMEOUT, 20);
$db->exec("create table if not exists t (x)");
for ($i = 0; $i < 50; $i++) $db->exec("insert into t values ($i)");
echo "ok";
