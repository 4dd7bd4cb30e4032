/** An application with one fault a path, and the findings that each of them is to have. */
import type { TestFolder } from '../harness/folder.ts';

interface Plant {
  readonly path: string;
  /** The body of a PHP function. */
  readonly code: string;
  /** `id` or `id:name`, advice included, in any order. */
  readonly found: readonly string[];
}

const plant = (path: string, code: string, ...found: string[]): Plant => ({ path, code, found });

/** What has to be set between two requests, where Hathi does not put it back. */
const late = (code: string): string => `App::$after = function () { ${code} };`;

export const plants: readonly Plant[] = [
  plant('/clean', `echo bin2hex(random_bytes(8)), date(' c '), App::$boot;`),
  plant(
    '/clean/session',
    `ini_set('session.use_cookies', '1'); session_start(); $_SESSION['n'] = 1; echo session_id();`,
    'put-back:ini session.use_cookies',
  ),
  plant('/clean/cache', `static $cache; $cache ??= range(1, 100); echo count($cache);`),
  plant(
    '/clean/echo',
    `header("X-Bytes: \\xff\\xfe\\x01"); echo md5(file_get_contents('php://input')), strlen($_SERVER['HTTP_X_TEXT'] ?? ''), "\\0\\xff";`,
  ),
  plant(
    '/clean/finish',
    `echo 'early'; hathi_finish_request(); echo 'late'; file_put_contents('php://stdout', 'to the log');`,
  ),
  plant('/clean/between', late(`echo 'between two requests';`)),
  plant('/static', `App::$list[] = 'x';`, 'statics:App::$list'),
  plant('/nested', `App::$registry['a']->items[] = [1];`, "statics:App::$registry['a']->items"),
  plant('/text', `App::$text .= str_repeat('x', 10);`, 'statics:App::$text'),
  plant('/global', `global $things; $things[] = 1;`, 'globals:global $things'),
  plant('/function-static', `counter();`, 'statics:counter() static $seen'),
  plant('/local', `App::$local->append(1);`, 'locals:run() $local->…'),
  plant(
    '/files',
    `App::$files[] = fopen('/etc/hostname', 'r');`,
    'statics:App::$files',
    'descriptors:/etc/hostname',
  ),
  plant(
    '/driver',
    `App::$db->sqliteCreateFunction('f' . bin2hex(random_bytes(4)), fn () => 1);`,
    'statics:App::$db',
  ),
  plant('/autoloader', `spl_autoload_register(function () {});`, 'autoloaders:spl_autoload_functions'),
  plant(
    '/wrapper',
    `stream_wrapper_register('w' . bin2hex(random_bytes(4)), 'App');`,
    'stream-wrappers:stream_get_wrappers',
  ),
  plant('/error-handler', `set_error_handler('intdiv');`, 'error-handler'),
  plant('/exception-handler', `set_exception_handler('var_dump');`, 'exception-handler'),
  plant('/env', `putenv('LEFT=behind');`, 'env:LEFT'),
  plant('/locale', `setlocale(LC_NUMERIC, 'C.UTF-8');`, 'locale'),
  plant('/libxml', `libxml_use_internal_errors(true);`, 'extension:libxml_use_internal_errors'),
  plant('/ini', late(`ini_set('precision', '5');`), 'ini:precision'),
  plant('/timezone', late(`date_default_timezone_set('Asia/Tokyo');`), 'timezone'),
  plant('/umask', late(`umask(077);`), 'umask'),
  plant('/folder', late(`chdir('/tmp');`), 'working-folder'),
  plant('/buffer', late(`ob_start();`), 'output-buffer'),
  plant('/shutdown', late(`register_shutdown_function('intdiv', 1, 1);`), 'shutdown-function'),
  plant('/transaction', `if (!App::$db->inTransaction()) App::$db->beginTransaction();`, 'transaction'),
  plant(
    '/include',
    `$name = tempnam(sys_get_temp_dir(), 'hathi-audit-'); include $name; unlink($name);`,
    'code:included files',
  ),
  plant('/function', `eval('function f' . bin2hex(random_bytes(4)) . '() {}');`, 'code:functions'),
  plant('/user?name=alice', `echo 'user ', App::$user ??= $_GET['name'];`, 'changed:App::$user'),
  plant('/user?name=bob', ``, 'body'),
  plant(
    '/header',
    `header('X-Seen: ' . (App::$seen++ > 0 ? 'yes' : 'no'));`,
    'header:x-seen',
    'changed:App::$seen',
  ),
  plant(
    '/cookie',
    `setcookie('seen', App::$again++ > 0 ? 'yes' : 'no');`,
    'cookie:seen',
    'changed:App::$again',
  ),
  plant('/status', `http_response_code(App::$status++ > 0 ? 404 : 200);`, 'status', 'changed:App::$status'),
  plant(
    '/crossing',
    `echo App::$mark; App::$mark = $_SERVER['HTTP_HATHI_AUDIT'];`,
    'crossing',
    'body',
    'old-request:App::$mark',
    'last-request:App::$mark',
    'changed:App::$mark',
  ),
  plant(
    '/keep',
    `App::$kept = (object) ['server' => $_SERVER];`,
    'old-request:App::$kept',
    'last-request:App::$kept',
    'changed:App::$kept',
  ),
  plant(
    '/put-back',
    `ini_set('precision', '3'); ob_start(); umask(0);`,
    'put-back:ini precision',
    'put-back:output-buffer',
    'put-back:umask',
  ),
  plant(
    '/once',
    `if (!App::$isSet) { App::$isSet = true; ini_set('assert.warning', '0'); }`,
    'set-once:ini assert.warning',
    'changed:App::$isSet',
  ),
  plant('/error', `http_response_code(500);`, 'error-answer'),
  plant('/exit', `echo 'bye'; exit;`, 'exit'),
  plant('/fatal', `eval('function counter() {}');`, 'fatal', 'error-answer'),
];

/** Writes the application, and a file with a request to each path. */
export function writePlanted(folder: TestFolder): { readonly script: string; readonly requests: string } {
  const cases = plants
    .filter(({ code }) => code !== '')
    .map(({ path, code }) => `'${path.split('?')[0]}' => function () { ${code} },`)
    .join('\n');
  const script = folder.write(
    'www/index.php',
    `<?php
final class App {
    public static ?Closure $after = null; public static array $list = []; public static array $registry = [];
    public static string $text = ''; public static array $files = []; public static ?PDO $db = null;
    public static ?string $user = null; public static int $seen = 0; public static int $again = 0;
    public static int $status = 0; public static string $mark = ''; public static ?object $kept = null;
    public static bool $isSet = false; public static string $boot = ''; public static ?ArrayObject $local = null;
}
App::$boot = bin2hex(random_bytes(8));
App::$registry['a'] = (object) ['items' => []];
App::$db = new PDO('sqlite::memory:');
function counter() { static $seen = []; $seen[] = 1; }
$things = [];
$pages = [${cases}];
function run(array $pages): void {
    $local = new ArrayObject([0]);
    App::$local = null;
    $handler = function () use ($pages, $local): void {
        $path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
        if ($path === '/local') { $local->append(1); return; }
        $pages[$path]();
    };
    while (hathi_handle_request($handler)) {
        if (App::$after) (App::$after)();
        App::$after = null;
    }
}
run($pages);
`,
  );
  folder.write('body.bin', Buffer.alloc(1024 * 1024, 'x'));
  const requests = plants.map(({ path }) =>
    path === '/clean/echo'
      ? `POST ${path}\nX-Text: é\nContent-Type: application/octet-stream\n\n< body.bin\n`
      : `GET ${path}\n`,
  );
  return { script, requests: folder.write('requests.http', requests.join('\n###\n')) };
}
