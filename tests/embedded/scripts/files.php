<?php
$dir = $_GET["dir"]; $out = [];
file_put_contents("$dir/a", "one"); file_put_contents("$dir/b", "two");
$out["rename"] = rename("$dir/a", "$dir/b") && file_get_contents("$dir/b") === "one" && !file_exists("$dir/a");
symlink("$dir/b", "$dir/c"); $out["link"] = realpath("$dir/c") === "$dir/b" && is_link("$dir/c") && readlink("$dir/c") === "$dir/b";
$out["exclusive"] = @fopen("$dir/b", "x") === false && file_get_contents("$dir/b") === "one";
mkdir("$dir/d/e", 0777, true); $out["mkdir"] = is_dir("$dir/d/e");
$out["glob"] = array_map("basename", glob("$dir/*"));
touch("$dir/b", 1000000000); clearstatcache(); $out["mtime"] = filemtime("$dir/b"); $out["inode"] = stat("$dir/b")["ino"];
$out["created"] = decoct(fileperms("$dir/b") & 0777); chmod("$dir/b", 0640); clearstatcache(); $out["mode"] = decoct(fileperms("$dir/b") & 0777);
unlink("$dir/c"); rmdir("$dir/d/e"); $out["gone"] = !file_exists("$dir/c") && !is_dir("$dir/d/e");
$out["reasons"] = [];
foreach ([fn () => rmdir($dir), fn () => mkdir($dir), fn () => file_put_contents($dir, "x"), fn () => unlink("$dir/none")] as $try) { @$try(); $out["reasons"][] = preg_replace("/.*: /", "", error_get_last()["message"]); }
$out["device"] = strlen(file_get_contents("/dev/urandom", false, null, 0, 4)); $out["null"] = file_put_contents("/dev/null", "x");
echo json_encode($out);
