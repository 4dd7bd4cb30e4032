<?php echo json_encode(fpm_get_status());
