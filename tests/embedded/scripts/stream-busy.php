<?php
echo str_repeat("x", 20000); flush();
while (!file_exists($_SERVER["GO"])) clearstatcache();
echo "second";
