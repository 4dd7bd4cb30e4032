<?php
$tries = [
  "system" => fn () => function_exists("system") ? system("id") : "gone",
  "ini" => fn () => ini_set("open_basedir", "/"),
  "read" => fn () => @file_get_contents("/etc/passwd"),
  "include" => fn () => @include "/etc/passwd",
  "list" => fn () => @scandir("/etc"),
  "link" => fn () => @symlink("/etc/passwd", $_GET["dir"] . "/link") ? @file_get_contents($_GET["dir"] . "/link") : false,
  "dots" => fn () => @file_get_contents($_GET["dir"] . "/../../../../../../../etc/passwd"),
  "chdir" => fn () => @chdir("/etc") ? @file_get_contents("passwd") : false,
  "glob" => fn () => @glob("/etc/pass*") ?: false,
  "glob wrapper" => fn () => iterator_count(new DirectoryIterator("glob:///etc/pass*")) > 0,
  "restore" => fn () => [ini_restore("open_basedir"), @file_get_contents("/etc/passwd")][1],
  "own" => fn () => file_put_contents($_GET["dir"] . "/own", "1"),
];
$out = [];
foreach ($tries as $name => $try) { try { $out[$name] = $try(); } catch (Throwable $e) { $out[$name] = get_class($e); } }
echo json_encode($out);
