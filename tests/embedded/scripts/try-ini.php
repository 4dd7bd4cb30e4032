<?php
$out = [];
foreach (explode(",", $_GET["names"]) as $name) {
  $before = ini_get($name);
  $set = @ini_set($name, $_GET["value"] ?? "77");
  $after = ini_get($name);
  ini_restore($name);
  $out[$name] = [$before, $set !== false, $after, ini_get($name)];
}
echo json_encode($out);
