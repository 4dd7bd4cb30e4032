<?php
header("X-One: 1");
setcookie("a", "1");
setcookie("b", "2");
header("X-Bytes: \xe9");
if (isset($_GET["line"])) header($_GET["line"], true, (int) ($_GET["code"] ?? 0));
if (isset($_GET["empty"])) exit;
echo "body";
