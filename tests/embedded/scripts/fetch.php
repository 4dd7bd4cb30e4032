<?php
$c = curl_init($_GET["url"]); curl_setopt($c, CURLOPT_RETURNTRANSFER, true);
echo json_encode([file_get_contents($_GET["url"]), curl_exec($c), gethostbyname("localhost")]);
