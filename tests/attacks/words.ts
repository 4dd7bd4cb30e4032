/** What scripts and web servers say: forged scoreboards, parameters, recursion. */
import { askAdmin } from '../admin/client.ts';
import { RequestLost, request, scriptParams } from '../harness/fastcgi.ts';
import { type Attack, pick, Tally } from './attack.ts';

const forgery = `<?php
preg_match('/^([0-9a-f]+)-([0-9a-f]+).*hathi-scoreboard/m', file_get_contents('/proc/self/maps'), $found);
$memory = fopen('/proc/self/mem', 'r+');
stream_set_write_buffer($memory, 0);
[, $from, $to] = array_map('hexdec', $found);
for ($count = 0, $end = microtime(true) + 2; microtime(true) < $end; $count++) {
  fseek($memory, random_int($from, $to - 9));
  fwrite($memory, random_bytes(8));
  if ($count % 50 === 0) usleep(1000);
}
echo $count;`;

const pages = ['/readyz?queue=5', '/api/pools', '/metrics', '/api/routes', '/api/slow', '/api/history'];

export const scoreboard: Attack = {
  what: 'a script writes random bytes over its pool’s scoreboard',
  engine: 'native',
  pool: () => 'process.dumpable = yes\npm.max_children = 4\npm.status_path = /status',
  run: async ({ server, admin, goesOn }) => {
    const tally = new Tally();
    const script = server.folder.write('www/forge.php', forgery);
    const forging = async (): Promise<void> => {
      while (goesOn()) {
        const written = await request(server.socket(), scriptParams(script)).catch(() => undefined);
        tally.add('writes', Number(written?.body.toString() ?? 0));
      }
    };
    const asking = async (): Promise<void> => {
      while (goesOn()) {
        const { status } = await askAdmin({ socketPath: admin, path: pick(pages, Math.random) });
        tally.add(`pages answered with ${status}`);
      }
    };
    await Promise.all([forging(), asking()]);
    return tally.counts;
  },
};

const names =
  'PHP_VALUE PHP_ADMIN_VALUE REQUEST_BODY_FILE CONTENT_LENGTH CONTENT_TYPE DOCUMENT_ROOT PATH_INFO PATH_TRANSLATED ' +
  'ORIG_PATH_INFO REDIRECT_URL SCRIPT_NAME SCRIPT_FILENAME REQUEST_METHOD REQUEST_URI QUERY_STRING SERVER_PORT HTTPS ' +
  'REMOTE_ADDR HTTP_PROXY HTTP_AUTHORIZATION PHP_AUTH_USER AUTH_TYPE LD_PRELOAD LD_LIBRARY_PATH PATH TZ PHPRC ' +
  'PHP_INI_SCAN_DIR HATHI_ENGINE_DIR FPM_SOCKETS LISTEN_FDS NOTIFY_SOCKET HTTP_X_REQUEST_ID HTTP_COOKIE';

function values(script: string): string[] {
  const ini =
    'memory_limit=1\nauto_prepend_file=/dev/zero\nopen_basedir=/\nextension=/etc/passwd\ndisable_functions=strlen';
  const paths = [
    '/',
    '../../../etc/passwd',
    '/etc/shadow',
    `${script}/a/b`,
    `${script}\0.php`,
    '/dev/zero',
    '/proc/self/mem',
  ];
  const numbers = ['-1', '0', '1', '18446744073709551616', '9'.repeat(400), 'NaN', ' 5 '];
  return [
    ini,
    ...paths,
    ...numbers,
    '',
    'x'.repeat(60_000),
    '%00%ff',
    '\r\nX: y',
    '\u00ff\u0000\u001b[2J',
    'a=b&'.repeat(2000),
  ];
}

async function forgeParameters({
  server,
  goesOn,
}: Parameters<Attack['run']>[0]): Promise<Record<string, number>> {
  const tally = new Tally();
  const script = server.folder.write(
    'www/all.php',
    '<?php echo count($_SERVER) > 0, strlen(getenv("USER"));',
  );
  const right = (await request(server.socket(), scriptParams(script))).body.toString();
  const known = names.split(' ');
  const any = values(script);
  while (goesOn()) {
    const forged = Object.fromEntries(
      Array.from({ length: 1 + Math.floor(Math.random() * 6) }, () => [
        pick(known, Math.random),
        pick(any, Math.random),
      ]),
    );
    const outcome = await request(server.socket(), scriptParams(script, forged), '', 10_000).then(
      ({ status }) => `answers ${status}`,
      (error) => (error instanceof RequestLost ? `connections ${error.kind}` : 'errors'),
    );
    tally.add(outcome);
    const next = await request(server.socket(), scriptParams(script)).catch(() => undefined);
    tally.add(next?.body.toString() === right ? 'right next request' : 'WRONG next request');
  }
  return tally.counts;
}

export const parameters: Attack = {
  what: 'parameters that steer PHP or the engine, in forged combinations (native engine)',
  engine: 'native',
  run: forgeParameters,
};

export const embeddedParameters: Attack = {
  ...parameters,
  what: 'the same (embedded engine)',
  engine: 'embedded',
};

/** N stands for the depth. */
const recursions: readonly string[] = [
  'echo eval("return ".str_repeat("(", N)."1".str_repeat(")", N).";");',
  'eval("class C { const A = ".str_repeat("(1+", N)."1".str_repeat(")", N)."; }"); echo C::A;',
  '$b = "a"; echo strlen(eval("return ".str_repeat("$b.", N)."\'c\';"));',
  'function g($n) { if ($n > 0) yield from g($n - 1); else yield 1; } foreach (g(N) as $v) echo $v;',
  'function r($n) { return $n ? array_map("r", [$n - 1]) : 1; } echo is_array(r(N));',
  'function r($n) { return $n ? preg_replace_callback("/a/", fn($m) => r($n - 1), "a") : "1"; } echo r(N);',
  'function r($n) { $a = [1, 2]; usort($a, function () use ($n) { if ($n) r($n - 1); return 0; }); return 1; } echo r(N);',
  'class T { function __construct(public $n) {} function __toString(): string { return $this->n ? (string) new T($this->n - 1) : "x"; } } echo new T(N);',
  'class D { function __construct(public $n) {} function __destruct() { if ($this->n) new D($this->n - 1); } } new D(N); echo 1;',
  'ini_set("unserialize_max_depth", "0"); echo is_array(@unserialize(str_repeat("a:1:{i:0;", N)."i:1;".str_repeat("}", N)));',
  'echo gettype(json_decode(str_repeat("[", N).str_repeat("]", N), true, 2147483647));',
  '$a = []; for ($i = 0; $i < N; $i++) $a = new ArrayObject([$a]); echo strlen(serialize($a)) > 0; unset($a);',
  '$a = new stdClass; for ($i = 0; $i < N; $i++) { $s = new SplObjectStorage; $s[$a] = 1; $a = $s; } echo strlen(serialize($a)) > 0;',
  '$a = new ArrayIterator([1]); for ($i = 0; $i < N; $i++) $a = new IteratorIterator($a); foreach ($a as $v) echo $v;',
  'echo preg_match("/^(\\((?1)*\\))$/", str_repeat("(", N).str_repeat(")", N)) === false ? "no" : "ok";',
  '$x = @simplexml_load_string(str_repeat("<a>", N).str_repeat("</a>", N), null, LIBXML_PARSEHUGE); echo gettype($x);',
  '$d = new DOMDocument; echo @$d->loadHTML(str_repeat("<div>", N)) ? strlen($d->saveHTML()) > 0 : "no";',
  '$a = $b = 1; for ($i = 0; $i < N; $i++) { $a = [$a]; $b = [$b]; } echo $a == $b ? 1 : 0;',
  '$a = []; $p = &$a; for ($i = 0; $i < N; $i++) { $p[0] = []; $p = &$p[0]; } $p[0] = &$a; unset($a, $p); echo gc_collect_cycles() >= 0;',
  '$d = new SQLite3(":memory:"); echo @$d->querySingle("select ".str_repeat("(", N)."1".str_repeat(")", N)) ?: "no";',
  'spl_autoload_register(function ($c) { static $n = 0; if ($n++ < N) class_exists("X$n"); }); class_exists("A"); echo 1;',
  '$a = 1; for ($i = 0; $i < N; $i++) $a = [$a]; echo strlen(serialize($a)), strlen(json_encode($a, 0, 2147483647));',
];

export const recursion: Attack = {
  what: 'recursion in C, 100 to 100,000 deep (embedded engine)',
  engine: 'embedded',
  pool: () => 'php_admin_value[memory_limit] = 1G',
  run: async ({ server, goesOn }) => {
    const tally = new Tally();
    const check =
      '<?php $a = []; for ($i = 0; $i < 500; $i++) $a["k$i"] = md5($i); echo md5(serialize($a).json_encode($a));';
    const right = scriptParams(server.folder.write('www/check.php', check));
    const expected = (await request(server.socket(), right)).body.toString();
    while (goesOn()) {
      const depth = String(Math.floor(10 ** (2 + 3 * Math.random())));
      const code = pick(recursions, Math.random).replace(/\bN\b/g, depth);
      const script = server.folder.write('www/deep.php', `<?php ${code}`);
      const more = { SCRIPT_NAME: `/${tally.counts['right next request'] ?? 0}.php` };
      const outcome = await request(server.socket(), scriptParams(script, more), '', 60_000).then(
        ({ status, body }) =>
          /(Fatal|Parse) error/.test(body.toString()) || status !== 200 ? 'errors of PHP' : 'worked',
        (error) => (error instanceof RequestLost ? `connections ${error.kind}` : 'errors'),
      );
      tally.add(outcome);
      const next = (await request(server.socket(), right, '', 60_000)).body.toString();
      tally.add(next === expected ? 'right next request' : 'WRONG next request');
    }
    return tally.counts;
  },
};
