<?php set_time_limit(1); usleep(1300000); echo "slept";
