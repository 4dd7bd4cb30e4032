/** Scripts and requests for the comparison of the native engine with PHP-FPM. */

/** PHP files of the document root. */
export const scripts: Readonly<Record<string, string>> = {
  'info.php':
    '<?php $s = $_SERVER; unset($s["REQUEST_TIME"], $s["REQUEST_TIME_FLOAT"]); echo json_encode([$s, getcwd(), getallheaders(), getenv("HTTP_PROXY"), getenv("SCRIPT_NAME"), getenv("OWN"), $_GET, $_COOKIE]);',
  'page.html': 'no php',
  'hello.php': '<?php echo "hello";',
  'empty.php': '',
  'post.php':
    '<?php echo json_encode([$_POST, array_map(fn($f) => [$f["name"], $f["size"], md5_file($f["tmp_name"])], $_FILES), md5(file_get_contents("php://input"))]);',
  'headers.php':
    '<?php header("X-One: 1"); header("X-Two: a"); header("X-Two: b", false); setcookie("c", "v w"); echo "x";',
  'status.php': '<?php http_response_code(418); header("Status: 404 Gone Fishing"); echo "x";',
  'status-line.php': '<?php header("HTTP/1.1 451 Custom Words"); echo "x";',
  'status-plain.php': '<?php http_response_code(599); echo "x";',
  'not-modified.php': '<?php header("ETag: x"); http_response_code(304);',
  'redirect.php': '<?php header("Location: /there"); echo "moved";',
  'no-body.php': '<?php header("X-A: b");',
  'exit.php':
    '<?php register_shutdown_function(function () { echo " bye ", getcwd(); }); echo getcwd(); exit("out");',
  'parse-error.php': '<?php echo "never"; if (',
  'uncaught.php': '<?php function f() { throw new LogicException("oops"); } f();',
  'fatal.php':
    '<?php register_shutdown_function(function () { echo "late"; }); ini_set("memory_limit", "4M"); $a = str_repeat("x", 1 << 26);',
  'warning.php': '<?php echo $undefined; echo "after";',
  'log.php': '<?php error_log("first"); echo "a"; error_log("second line\\nwith break"); echo "b";',
  'finish.php':
    '<?php header("X-A: b"); echo "early"; var_dump(fastcgi_finish_request()); echo "late"; error_log("unseen");',
  'finish-flush.php':
    '<?php register_shutdown_function(fn() => touch(__DIR__ . "/out/" . $_GET["n"] . ".over")); file_put_contents(__DIR__ . "/out/" . $_GET["n"], "0"); echo "early"; fastcgi_finish_request(); file_put_contents(__DIR__ . "/out/" . $_GET["n"], "1"); echo "late"; flush(); file_put_contents(__DIR__ . "/out/" . $_GET["n"], "2" . connection_status());',
  'large.php':
    '<?php for ($i = 0; $i < 40; $i++) echo str_repeat(chr(97 + $i % 26), 7001); echo str_repeat("z", 300000);',
  'headers-large.php':
    '<?php for ($i = 0; $i < 200; $i++) header("X-$i: " . str_repeat("v", 100)); echo "x";',
  'stdout.php': '<?php file_put_contents("php://stdout", "direct"); echo "x";',
  'ini.php':
    '<?php echo json_encode([ini_get("memory_limit"), ini_get("precision"), ini_get("date.timezone"), @ini_set("precision", "5"), @ini_set("memory_limit", "77M"), ini_get("memory_limit"), get_cfg_var("precision"), ini_get("error_prepend_string"), ini_get("include_path"), function_exists("gethostname"), function_exists("phpversion"), ini_get("user_agent")]);',
  'sapi.php':
    '<?php echo json_encode([PHP_SAPI, php_sapi_name(), extension_loaded("cgi-fcgi"), function_exists("apache_request_headers"), function_exists("pcntl_fork"), php_ini_loaded_file(), php_ini_scanned_files(), get_loaded_extensions()]);',
  'auth.php':
    '<?php echo json_encode([$_SERVER["PHP_AUTH_USER"] ?? null, $_SERVER["PHP_AUTH_PW"] ?? null, $_SERVER["PHP_AUTH_DIGEST"] ?? null]);',
  'buffers.php': '<?php ob_start(); echo "inner"; ob_start(fn($t) => strtoupper($t)); echo "outer";',
  'abort-status.php': '<?php ignore_user_abort(true); echo connection_status();',
  'sub/user.php':
    '<?php echo json_encode([ini_get("precision"), ini_get("user_agent"), ini_get("memory_limit")]);',
  '.user.ini': 'precision = 7\nuser_agent = "root ini"\n',
  'sub/.user.ini': 'user_agent = "sub ini"\nmemory_limit = 99M\n',
  // Before 8.5 these come too late for the body.
  'small/form.php': '<?php echo json_encode([$_POST, ini_get("post_max_size")]);',
  'small/.user.ini': 'post_max_size = 10\n',
};

export interface RequestCase {
  readonly name: string;
  readonly script: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const upload =
  '--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nfile body\r\n' +
  '--b\r\nContent-Disposition: form-data; name="t"\r\n\r\ntext\r\n--b--\r\n';

const plain = (script: string): RequestCase => ({ name: script, script });

/** Requests whose whole answers must be equal. */
export const cases: readonly RequestCase[] = [
  ...['hello.php', 'empty.php', 'headers.php', 'status.php', 'status-line.php', 'status-plain.php'].map(
    plain,
  ),
  ...['not-modified.php', 'redirect.php', 'no-body.php', 'exit.php', 'parse-error.php', 'uncaught.php'].map(
    plain,
  ),
  ...[
    'fatal.php',
    'warning.php',
    'log.php',
    'finish.php',
    'large.php',
    'headers-large.php',
    'stdout.php',
  ].map(plain),
  ...['ini.php', 'buffers.php', 'abort-status.php', 'sub/user.php', 'none.php', 'page.html', 'sub'].map(
    plain,
  ),
  { name: 'the same twice after a fatal error', script: 'ini.php' },
  {
    name: 'variables',
    script: 'info.php',
    params: {
      QUERY_STRING: 'a=1&b[]=2',
      HTTP_COOKIE: 'x=y; z=%20',
      HTTP_X_FOO_BAR: 'q',
      HTTP_PROXY: 'http://evil',
      CONTENT_TYPE: 'text/x',
      PATH_INFO: '/p',
      REMOTE_USER: 'someone',
    },
  },
  { name: 'basic authorisation', script: 'auth.php', params: { HTTP_AUTHORIZATION: 'Basic YTpiOmM=' } },
  { name: 'digest authorisation', script: 'auth.php', params: { HTTP_AUTHORIZATION: 'Digest username="x"' } },
  { name: 'HEAD', script: 'headers.php', params: { REQUEST_METHOD: 'HEAD' } },
  { name: 'HEAD of a large page', script: 'large.php', params: { REQUEST_METHOD: 'HEAD' } },
  {
    name: 'form',
    script: 'post.php',
    params: { REQUEST_METHOD: 'POST', CONTENT_TYPE: 'application/x-www-form-urlencoded' },
    body: `a=1&b=${'x'.repeat(100_000)}`,
  },
  {
    name: 'upload',
    script: 'post.php',
    params: { REQUEST_METHOD: 'POST', CONTENT_TYPE: 'multipart/form-data; boundary=b' },
    body: upload,
  },
  {
    name: 'form that .user.ini finds too large',
    script: 'small/form.php',
    params: { REQUEST_METHOD: 'POST', CONTENT_TYPE: 'application/x-www-form-urlencoded' },
    body: `a=1&b=${'x'.repeat(100)}`,
  },
  { name: 'PUT', script: 'post.php', params: { REQUEST_METHOD: 'PUT' }, body: 'y'.repeat(200_000) },
  { name: 'unread body', script: 'hello.php', params: { REQUEST_METHOD: 'PUT' }, body: 'y'.repeat(200_000) },
  { name: 'body of no request', script: 'none.php', params: { REQUEST_METHOD: 'POST' }, body: 'abc' },
  { name: 'ping', script: 'none.php', params: { SCRIPT_NAME: '/ping' } },
  { name: 'ping by HEAD', script: 'none.php', params: { SCRIPT_NAME: '/ping', REQUEST_METHOD: 'HEAD' } },
  { name: 'unreadable script', script: 'secret.php' },
  {
    name: 'ini values in the request',
    script: 'ini.php',
    params: { PHP_VALUE: 'precision=11\nuser_agent="a b"', PHP_ADMIN_VALUE: 'error_prepend_string=pre' },
  },
  {
    name: 'wrong ini values in the request',
    script: 'hello.php',
    params: { PHP_VALUE: 'no_such=1\n[section]\nx[]=2\nempty' },
  },
];
