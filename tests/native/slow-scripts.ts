/** Scripts that are slow in every way in which a PHP stack can look, for the comparison of slow logs. */

/** Name and code; each one goes on until its server ends. `wait()` is a function of PHP itself that blocks. */
export const slowScripts: Readonly<Record<string, string>> = {
  'plain.php': '<?php sleep(9);',
  'nested.php': `<?php
function a($n) {
  b($n);
}
function b($n) { c(
  $n); }
function c($n) { usleep(9000000); }
a(1);`,
  'methods.php': `<?php
namespace App;
class Base { function run() { return static::step(); } static function step() { sleep(9); } }
class Job extends Base { function __call($name, $args) { $this->run(); }
  static function __callStatic($name, $args) { (new self)->magic(1); } }
Job::anything();`,
  'include.php': '<?php function late() { include __DIR__ . "/included.inc"; } late();',
  'require-once.php': '<?php require_once __DIR__ . "/included.inc";',
  'eval.php': '<?php function f() { eval("sleep(9);"); } f();',
  'closure.php': '<?php $wait = function () { $inner = fn () => sleep(9); $inner(); }; $wait();',
  'generator.php': `<?php
function inner() { yield 1; sleep(9); yield 2; }
function outer() { yield 0; yield from inner(); }
foreach (outer() as $value) { strlen("x"); }`,
  'usort.php': '<?php $list = [2, 1]; usort($list, function ($a, $b) { sleep(9); return $a <=> $b; });',
  'array-map.php': '<?php class M { static function each($x) { sleep(9); } } array_map("M::each", [1]);',
  'destructor.php':
    '<?php class D { function __destruct() { sleep(9); } } function f() { $d = new D; unset($d); } f();',
  'to-string.php': '<?php class S { function __toString() { sleep(9); return ""; } } echo "a" . new S;',
  'handler.php': '<?php set_error_handler(function () { sleep(9); }); function f() { echo $undefined; } f();',
  'buffer.php': '<?php ob_start(function ($text) { sleep(9); return $text; }); echo "x"; ob_end_flush();',
  'fiber.php':
    '<?php function in() { sleep(9); } $fiber = new Fiber(function () { in(); }); $fiber->start();',
  'anonymous.php': '<?php (new class { function wait() { sleep(9); } })->wait();',
  'deep.php': '<?php function down($n) { $n > 0 ? down($n - 1) : sleep(9); } down(30);',
  'autoload.php': '<?php spl_autoload_register(function ($class) { sleep(9); }); new Missing;',
  'loop-top.php': '<?php while (true) { $i = 1; }',
  'loop.php': '<?php function spin() { while (true) { $i = 1; } } spin();',
  'c-function.php': '<?php function hash_it() { hash_pbkdf2("sha512", "a", "b", 50000000); } hash_it();',
};

/** Files that they include. */
export const slowIncludes: Readonly<Record<string, string>> = {
  'included.inc': '<?php\n\nsleep(9);\n',
};
