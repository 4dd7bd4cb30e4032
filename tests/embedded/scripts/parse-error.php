<?php echo "never"; syntax error here
