<?php echo json_encode([strlen(file_get_contents("php://input")), md5(file_get_contents("php://input"))]);
