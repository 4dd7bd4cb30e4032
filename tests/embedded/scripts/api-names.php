<?php echo json_encode([PHP_SAPI, function_exists("dl"), function_exists("fastcgi_finish_request"), extension_loaded("Zend OPcache")]);
