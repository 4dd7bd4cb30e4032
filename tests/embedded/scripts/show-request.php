<?php echo json_encode([$_GET, $_POST, $_COOKIE, file_get_contents("php://input"), getcwd(), PHP_SAPI]);
