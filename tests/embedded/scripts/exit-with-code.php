<?php echo "partial"; exit(3);
