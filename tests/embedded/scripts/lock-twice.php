<?php $a = fopen($_GET["file"], "c"); $b = fopen($_GET["file"], "c"); flock($a, LOCK_EX); echo "first"; flush(); flock($b, LOCK_EX); echo "never";
