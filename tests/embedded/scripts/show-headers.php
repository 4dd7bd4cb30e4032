<?php echo json_encode([getallheaders(), apache_request_headers() === getallheaders(), getenv("HTTP_PROXY"), getenv("HTTP_X_ONE"), getenv("HOME"), isset($_SERVER["HTTP_PROXY"])]);
