<?php echo json_encode($_SERVER, JSON_INVALID_UTF8_SUBSTITUTE);
