<?php file_put_contents("php://stderr", "to stderr\n"); file_put_contents("php://stdout", "to stdout\n"); error_log("to the log");
