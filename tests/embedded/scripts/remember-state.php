<?php
class Remembered { public static $value = 0; }
echo json_encode([getenv("LEFT_BEHIND"), ini_get("precision"), defined("LEFT")]);
define("LEFT", 1); putenv("LEFT_BEHIND=1"); ini_set("precision", "5");
