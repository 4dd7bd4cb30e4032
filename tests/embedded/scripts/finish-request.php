<?php
ob_start();
echo "answer";
header("X-Late: no");
$first = fastcgi_finish_request();
$second = fastcgi_finish_request();
echo "dropped";
flush();
file_put_contents($_GET["mark"], json_encode([$first, $second, connection_status()]));
