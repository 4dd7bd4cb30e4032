<?php
for ($i = 0; $i < 100; $i++) {
  $h = fopen($_GET["file"], "r+"); flock($h, LOCK_EX);
  $n = (int) fread($h, 20); rewind($h); fwrite($h, (string) ($n + 1)); fflush($h);
  flock($h, LOCK_UN); fclose($h);
}
