<?php
/** Asks every function of files about names that are odd, and moves to places where no file reaches. */
$folder = getenv('FOLDER');
file_put_contents("$folder/file", 'content');
$names = ['', '.', '..', '/', '//', '/proc', '/proc/self', '/proc/self/fd', '/proc/self/fd/0', '/proc/self/fd/1', '/proc/self/fd/2',
    '/proc/self/fd/99', '/proc/self/fd/x', '/proc/self/fd/0/x', '/proc/self/exe', '/proc/1/root', '/dev', '/dev/null', '/dev/stdin',
    '/dev/stdout', '/dev/stderr', '/dev/shm', '/dev/fd/0', '/dev/zero/x', '/dev/null/..', '/internal', '/internal/php.ini', '/request',
    '/request/stdout', '/sys', "a\0b", "$folder/file\0x", str_repeat('x', 300), str_repeat('x/', 3000), "\xff\xfe", "$folder/file/x",
    "$folder/nope/x", "$folder/file", "$folder/\n", 'php://fd/0', 'php://stdin', 'php://input', 'glob:///*', 'pipe:[1]'];
$ask = fn (string $mode) => function (string $name) use ($mode) {
    $file = fopen($name, $mode);
    if ($file === false) return;
    fread($file, 10); ftell($file); fstat($file); fseek($file, -5); fseek($file, PHP_INT_MAX); fseek($file, PHP_INT_MIN, SEEK_END);
    ftruncate($file, 5); flock($file, LOCK_EX | LOCK_NB); stream_get_meta_data($file); fclose($file);
};
$own = fn (callable $call) => fn (string $name) => str_starts_with($name, $folder) && $call($name);
$functions = ['stat', 'lstat', 'readlink', 'realpath', 'scandir', 'is_writable', 'file', 'parse_ini_file', 'disk_free_space', 'glob',
    'filetype', 'fileperms', 'getimagesize', $ask('r'), $ask('r+'), fn ($name) => copy($name, "$folder/copy"),
    fn ($name) => symlink($name, "$folder/link") && [stat("$folder/link"), unlink("$folder/link")], fn ($name) => hash_file('md5', $name),
    fn ($name) => ($handle = opendir($name)) && [readdir($handle), rewinddir($handle), closedir($handle)],
    fn ($name) => chdir($name) && chdir('/'), $own(fn ($name) => touch($name, PHP_INT_MAX, -1)), $own(fn ($name) => chmod($name, -1)),
    $own(fn ($name) => rename($name, "$folder/other") && rename("$folder/other", $name))];
error_reporting(0);
foreach ($names as $name) foreach ($functions as $function) try { $function($name); } catch (ValueError | TypeError) {}
$file = fopen("$folder/file", 'r+');
foreach ([PHP_INT_MAX, PHP_INT_MIN, -1, 2 ** 31, 2 ** 32, 2 ** 53] as $place) {
    fseek($file, $place); fread($file, 1); ftell($file); fseek($file, $place, SEEK_END); fwrite($file, '');
    try { ftruncate($file, -$place); } catch (ValueError | TypeError) {}
    try { file_get_contents("$folder/file", false, null, $place, 1); } catch (ValueError) {}
}
echo 'done';
