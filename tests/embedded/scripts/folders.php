<?php
$dir = $_GET["dir"]; $out = [];
$fresh = function (string $path): bool { clearstatcache(true); return file_exists($path); };
mkdir("$dir/a/b", 0777, true); file_put_contents("$dir/a/b/f", "one");
rename("$dir/a", "$dir/z"); $out["renamed folder"] = [$fresh("$dir/a/b/f"), file_get_contents("$dir/z/b/f")];
mkdir("$dir/a"); file_put_contents("$dir/a/f", "two"); $out["made anew"] = [$fresh("$dir/a/b"), file_get_contents("$dir/a/f")];
unlink("$dir/a/f"); rmdir("$dir/a"); $out["removed"] = [$fresh("$dir/a"), @file_put_contents("$dir/a/f", "x")];
symlink("z", "$dir/a"); $out["link instead"] = [file_get_contents("$dir/a/b/f"), realpath("$dir/a/b/f") === "$dir/z/b/f", realpath("$dir/a/b/..") === "$dir/z"];
chdir("$dir/a/b"); $out["relative"] = [getcwd() === "$dir/z/b", file_get_contents("f"), file_get_contents("../b/./f"), file_get_contents("$dir//z/b/f")];
$out["below a file"] = $fresh("$dir/z/b/f/g");
echo json_encode($out);
