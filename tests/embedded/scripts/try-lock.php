<?php $h = fopen($_GET["file"], "c"); $got = flock($h, LOCK_EX | LOCK_NB, $blocked); echo json_encode([$got, $blocked]);
