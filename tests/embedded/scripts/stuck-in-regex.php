<?php set_time_limit(1); ini_set("pcre.backtrack_limit", "100000000000"); preg_match("/(a+)+$/", str_repeat("a", 60) . "b"); echo "done";
