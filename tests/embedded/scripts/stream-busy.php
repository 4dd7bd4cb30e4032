<?php
echo str_repeat("x", 20000); flush();
$end = microtime(true) + 0.4;
while (microtime(true) < $end);
echo "second";
