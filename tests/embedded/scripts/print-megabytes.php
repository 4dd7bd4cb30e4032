<?php
$block = str_repeat("m", 1 << 16);
for ($i = 0; $i < 16 * $_GET["n"]; $i++) echo $block;
