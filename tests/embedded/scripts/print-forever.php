<?php
register_shutdown_function(function () { file_put_contents($_GET["mark"], connection_status()); });
ignore_user_abort(isset($_GET["ignore"]));
for ($i = 0; $i < ($_GET["rounds"] ?? PHP_INT_MAX); $i++) { echo str_repeat("f", 10000); flush(); }
file_put_contents($_GET["mark"] . ".end", "reached");
