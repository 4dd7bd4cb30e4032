<?php for ($i = 0; $i < 100; $i++) file_put_contents($_GET["file"], str_repeat("l", 60) . "\n", FILE_APPEND | LOCK_EX);
