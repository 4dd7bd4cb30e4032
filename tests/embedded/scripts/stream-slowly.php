<?php
echo "first"; flush();
while (!file_exists($_SERVER["GO"])) { usleep(20000); clearstatcache(); }
echo "second";
