<?php $s = @fsockopen($_GET["host"], (int) $_GET["port"], $code, $text, (float) ($_GET["timeout"] ?? 2)); echo json_encode([$s !== false, $code, $text]);
