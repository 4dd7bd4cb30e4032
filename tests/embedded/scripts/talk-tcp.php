<?php
$s = fsockopen($_GET["host"], (int) $_GET["port"], $code, $text, 2);
fwrite($s, "ping\n"); echo fgets($s), stream_get_contents($s);
