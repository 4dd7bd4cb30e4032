<?php
$a = new SQLite3($_GET["file"]); $b = new SQLite3($_GET["file"]); $b->busyTimeout(50);
$a->exec("create table t (x)"); $a->exec("begin immediate"); $a->exec("insert into t values (1)");
$refused = @$b->exec("insert into t values (2)");
$a->exec("commit"); $a->close();
echo json_encode([$refused, $b->exec("insert into t values (3)"), $b->querySingle("select count(*) from t")]);
