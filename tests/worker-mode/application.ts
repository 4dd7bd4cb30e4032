/** An application for worker mode: what it is asked to do is the parameter `do`. */
import type { TestFolder } from '../harness/folder.ts';

/** Ends up in `www/public/index.php`: boots, then handles requests with `actions.php`. */
const front = `<?php
ini_set('user_agent', 'boot');
date_default_timezone_set('Europe/Berlin');
umask(027);
putenv('BOOT_ENV=boot');
final class App { public static int $count = 0; public static ?object $kept = null; public static array $leak = []; public static mixed $stream = null; }
$bootId = bin2hex(random_bytes(8));
$bootServer = $_SERVER;
$actions = require __DIR__ . '/../actions.php';
register_shutdown_function(function () { file_put_contents(__DIR__ . '/../../log/boot-shutdown', 'x', FILE_APPEND); });
$handler = function () use ($bootId, $bootServer, $actions): void {
    App::$count++;
    header('X-Boot: ' . $bootId);
    header('X-Count: ' . App::$count);
    header('X-Pid: ' . getmypid());
    $do = $_GET['do'] ?? 'hello';
    $actions[$do]($bootServer);
};
do {
    $goesOn = \\frankenphp_handle_request($handler);
    gc_collect_cycles();
} while ($goesOn);
`;

const actions = `<?php
function say(mixed $value): void { header('Content-Type: application/json'); echo json_encode($value); }
return [
    'hello' => fn () => print('hello'),
    'globals' => fn () => say(['get' => $_GET, 'post' => $_POST, 'cookie' => $_COOKIE, 'files' => $_FILES,
        'body' => file_get_contents('php://input')]),
    'length' => fn () => say([strlen(file_get_contents('php://input')), md5(file_get_contents('php://input'))]),
    'request' => fn () => say(eval('return $_REQUEST;')),
    'server' => fn () => say(array_filter($_SERVER, 'is_string') + ['time' => $_SERVER['REQUEST_TIME_FLOAT']]),
    'getenv' => fn () => say([getenv('REQUEST_URI'), getenv('BOOT_ENV'), getenv('FRANKENPHP_WORKER')]),
    'boot' => fn (array $boot) => say($boot),
    'status' => function () { http_response_code(418); header('X-Made: up'); header('HTTP/1.1 418 Short and stout'); echo 'tea'; },
    'nothing' => function () { http_response_code(204); flush(); },
    'parts' => function () { echo 'one '; flush(); echo 'two'; },
    'set' => function () {
        ini_set('user_agent', 'request'); ini_set('precision', '5'); ini_set('memory_limit', '99M'); ini_set('display_errors', '0');
        date_default_timezone_set('Asia/Tokyo'); umask(0); chdir('/'); set_time_limit(7); error_reporting(E_ERROR);
        ob_start(); echo 'set'; mt_srand(5);
    },
    'state' => fn () => say(['agent' => ini_get('user_agent'), 'precision' => ini_get('precision'),
        'memory' => ini_get('memory_limit'), 'zone' => date_default_timezone_get(), 'umask' => umask(),
        'folder' => getcwd(), 'limit' => ini_get('max_execution_time'), 'reporting' => error_reporting(),
        'level' => ob_get_level(), 'error' => error_get_last(), 'headers' => headers_list(), 'random' => mt_rand()]),
    'warn' => function () { @trigger_error('kept?', E_USER_WARNING); echo 'warned'; },
    'throw' => function () { echo 'before '; throw new LogicException('thrown'); },
    'exit' => function () { register_shutdown_function(fn () => print(' shut')); echo 'bye'; exit(3); },
    'fatal' => function () { echo 'printed '; eval('function say() {}'); },
    'memory' => function () { ini_set('memory_limit', '32M'); echo 'printed '; $all = []; while (true) $all[] = str_repeat('x', 100000); },
    'abort' => function () { ignore_user_abort(false); for ($i = 0; $i < 200; $i++) { echo str_repeat('x', 10000); flush(); usleep(1000); } App::$leak[] = connection_status(); },
    'aborted' => fn () => say(App::$leak),
    'shutdown' => function () { register_shutdown_function(function () { echo 'at the end'; header('X-Late: yes'); }); echo 'handled, '; },
    'session' => function () { session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n']; },
    'no-session' => fn () => say([isset($_SESSION), session_status(), session_id()]),
    'session-exit' => function () { session_start(); $_SESSION['n'] = 'left'; echo session_id(); exit; },
    'session-handler' => function () {
        session_set_save_handler(new class implements SessionHandlerInterface {
            public function open($p, $n): bool { return true; } public function close(): bool { return true; }
            public function read($id): string { return 'v|s:6:"custom";'; } public function write($id, $d): bool { return true; }
            public function destroy($id): bool { return true; } public function gc($m): int { return 0; } }, true);
        session_start(); echo $_SESSION['v'];
    },
    'handler' => fn () => say([ini_get('session.save_handler'), session_module_name()]),
    'object' => function () { App::$kept ??= new stdClass(); echo spl_object_id(App::$kept); },
    'finish' => function () { echo 'early'; hathi_finish_request(); echo 'late'; error_log('after the end'); App::$leak[] = 'finished'; },
    'nested' => function () { try { hathi_handle_request(fn () => 1); } catch (RuntimeException $e) { echo $e->getMessage(); } },
    'fiber' => function () { $f = new Fiber(function () { echo 'a'; Fiber::suspend(); echo 'c'; }); $f->start(); echo 'b'; $f->resume(); },
    'upload' => fn () => say([$_FILES['f']['name'], md5_file($_FILES['f']['tmp_name']), $_FILES['f']['tmp_name']]),
    'exists' => fn () => say(file_exists($_GET['path'])),
    'keep-input' => function () { App::$stream = fopen('php://input', 'r'); echo fread(App::$stream, 3); },
    'use-input' => function () { try { var_dump(fread(App::$stream, 10)); } catch (TypeError $e) { echo $e->getMessage(); } },
    'getopt' => function () { getopt('ab:'); echo 'fine'; },
    'putenv' => function () { putenv('LEFT=behind'); echo 'put'; },
    'leak' => function () { App::$leak[] = random_bytes(5000); echo 'leaked'; },
    'fpm-status' => fn () => say(fpm_get_status()),
    'left' => fn () => print(getenv('LEFT')),
    'peak' => fn () => print(memory_get_peak_usage()),
    'big' => function () { $x = str_repeat('x', 30_000_000); echo strlen($x); },
    'auth' => fn () => say([$_SERVER['PHP_AUTH_USER'] ?? null, $_SERVER['PHP_AUTH_PW'] ?? null]),
    'sleep' => function () { usleep((int) $_GET['us']); echo $_GET['nonce'] ?? 'slept'; },
    'wait' => function () { while (!file_exists($_GET['file'])) { usleep(20000); clearstatcache(); } echo 'gone on'; },
    'zlib' => function () { ini_set('zlib.output_compression', '1'); echo str_repeat('a', 5000); },
    'ob' => function () { ob_start(fn ($text) => strtoupper($text)); echo 'loud'; },
    'reset-opcache' => fn () => say([opcache_reset(), opcache_get_status(false)['restart_pending'] ?? null]),
    'shutdown-fatal' => function () { register_shutdown_function(function () { eval('function say() {}'); }); echo 'handled '; },
    'shutdown-exit' => function () { register_shutdown_function(function () { echo 'first '; exit; }); register_shutdown_function(fn () => print('never')); echo 'handled '; },
    'error-handler' => function () { throw new Error('caught by nobody'); },
];
`;

/** Writes the application; its worker script is `www/public/index.php`. */
export function writeApplication(folder: TestFolder): string {
  folder.write('www/actions.php', actions);
  folder.write(
    'www/public/classic.php',
    "<?php echo 'classic ', getmypid(), ' ', $_GET['n'] ?? '', isset($bootId) ? 'booted' : '';",
  );
  folder.write(
    'www/public/classic-echo.php',
    `<?php echo json_encode([$_POST, $_SERVER['REMOTE_ADDR'], strlen(file_get_contents('php://input'))]);`,
  );
  folder.write(
    'www/public/outside.php',
    `<?php try { hathi_handle_request(fn () => 1); } catch (RuntimeException $e) { echo $e->getMessage(); }`,
  );
  return folder.write('www/public/index.php', front);
}
