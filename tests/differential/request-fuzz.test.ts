/** Requests made by chance, to the same pools of php-fpm and of native workers: answers, variables and every log. */
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, type ServerKind, startServer } from '../harness/server.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { comparableLog, end } from './life.ts';
import { Chance, fuzzing } from './random.ts';
import { type Answer, encode, send } from './request-fuzz.ts';
import { pools, type RandomRequest, randomRequest } from './request-grammar.ts';

const skip = requires('root', 'php-fpm') || nativeBuild().skip;

const show = `
unset($_SERVER['REQUEST_TIME'], $_SERVER['REQUEST_TIME_FLOAT']);
$out = [];
foreach (['SERVER' => $_SERVER, 'GET' => $_GET, 'POST' => $_POST, 'COOKIE' => $_COOKIE, 'headers' => getallheaders(), 'env' => getenv(), 'own' => getenv(null, true)] as $name => $all) {
  unset($all['REQUEST_TIME'], $all['REQUEST_TIME_FLOAT']);
  $out[] = $name;
  foreach ($all as $key => $value) $out[] = bin2hex((string) $key) === '' ? 'EMPTY' : "$key=" . (is_array($value) ? json_encode($value) : $value);
}
$out[] = 'files ' . json_encode(array_map(fn ($f) => [$f['name'] ?? null, $f['size'] ?? null, $f['error'] ?? null], $_FILES));
$out[] = 'body ' . md5(file_get_contents('php://input')) . ' ' . strlen(file_get_contents('php://input'));
$out[] = implode(' ', [getcwd(), __FILE__, PHP_SAPI, str_contains($_SERVER['PHP_VALUE'] ?? '', 'precision=5') ? ini_get('precision') : '', http_response_code(), connection_status(), isset($_SERVER['argv']) ? 'argv' : '']);
echo implode("\\n", array_map(fn ($line) => strlen($line) > 300 ? md5($line) : $line, $out));
`;

function docroot(): TestFolder {
  const folder = new TestFolder('hathi-docroot-');
  for (const name of [
    'info.php',
    'sub/deep.php',
    'info.txt',
    'noext',
    'sp ace.php',
    'upper.PHP',
    '.php',
    'x.phar',
    'a%20b.php',
    'café.php',
    'real.php',
  ])
    folder.write(`www/${name}`, `<?php ${show}`);
  folder.mkdir('www/folder.php');
  folder.write('www/closed.php', '<?php echo 1;', 0o600);
  folder.write('www/fails.php', '<?php echo "before"; throw new Exception("no");');
  folder.write('www/parse.php', '<?php echo (;');
  folder.write('www/exit.php', '<?php error_log("said"); echo "x"; exit(3);');
  folder.write(
    'www/headers.php',
    '<?php header("X-A: 1"); header("X-A: 2", false); header("Status: 404 Gone away"); http_response_code(201); header("Content-Type: text/x"); header("HTTP/1.0 299 Odd"); setcookie("c", "v"); echo "h";',
  );
  folder.write(
    'www/finish.php',
    '<?php echo "early"; fastcgi_finish_request(); echo "late"; error_log("after");',
  );
  folder.write(
    'www/status.php',
    '<?php $s = fpm_get_status(); echo json_encode([$s["pool"], $s["process-manager"], $s["accepted-conn"] > 0, $s["procs"][0]["state"], $s["procs"][0]["request-uri"], $s["procs"][0]["query-string"], $s["procs"][0]["request-method"], $s["procs"][0]["script"], $s["procs"][0]["user"], $s["procs"][0]["request-length"]]);',
  );
  symlinkSync('real.php', folder.join('www/link.php'));
  chmodSync(folder.join('www/closed.php'), 0o600);
  return folder;
}

const format = '%R|%u|%m|%r|%q|%Q|%s|%f|%l|%n|%{HTTP_HOST}e|%{NONE}e|%{X-A}o|%%';

function configuration(folder: TestFolder): string {
  const common = `pm.status_path = /status\nping.path = /ping\naccess.log = ${folder.join('log/access')}\naccess.format = "${format}"\ncatch_workers_output = yes\nenv[A] = of the pool\n`;
  return (
    poolText(folder, 'www', common) +
    poolText(folder, 'nofix', `${common}php_admin_value[cgi.fix_pathinfo] = 0\n`) +
    poolText(folder, 'any', `${common}security.limit_extensions =\nphp_admin_flag[display_errors] = on\n`)
  );
}

/** Masks parts that always differ. */
function masked(text: string): string {
  return (
    text
      .replace(/\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}/g, 'TIME')
      .replace(
        /((?:start[ -]time|start[ -]since|request[ -]duration|[ -](?:cpu|memory))[">: ]+)\d[\d.]*/g,
        '$1N',
      )
      .replace(/(<td>)\d[\d.]*(?=<)/g, '$1N')
      // The reference has none of a Unix socket, and counts workers otherwise for a moment after an answer.
      .replace(
        /((?:listen[ -]queue[ -]len|max[ -]listen[ -]queue|(?:idle|active|total|max active)[ -]processes)[">: ]+)\d+/g,
        '$1N',
      )
      // An error number that was left by something earlier.
      .replace(/(Failed to open stream: |\()(Success|No such file or directory)/g, '$1REASON')
      .replace(/(\bpid[">: ]+)\d+/gm, '$1N')
      .replace(/^phpfpm_\w+ \d+/gm, 'METRIC')
      // php-fpm leaves what stood there before behind a path that it has cut.
      .replace(/^(SCRIPT_FILENAME=[^\0\n]*)\0.*/gm, '$1')
  );
}

interface Seen {
  readonly answers: readonly Answer[];
  readonly access: readonly string[];
  readonly log: readonly string[];
}

async function serve(kind: ServerKind, requests: readonly RandomRequest[], root: string): Promise<Seen> {
  await using server: Server = await startServer({ kind, engine: 'native', pools: configuration });
  server.expect(/./);
  const answers: Answer[] = [];
  for (const given of requests) {
    const bytes = encode({
      ...given,
      params: given.params.map(([name, value]) => [name, value.replaceAll('@', root)] as const),
    });
    const { stdout, stderr, end } = await send(server.socket(given.pool), bytes);
    const mask = (text: string): string => masked(text.replaceAll(server.folder.path, 'DIR'));
    answers.push({ stdout: mask(stdout), stderr: mask(stderr), end });
  }
  await end(server, 'SIGTERM');
  const written = readFileSync(server.folder.join('log/access'), 'latin1')
    .split(/(?<=%)\n/)
    .map((line) =>
      line.replace(/\\x([0-9A-F]{2})/g, (_match, code: string) =>
        String.fromCharCode(Number.parseInt(code, 16)),
      ),
    );
  // Workers of different pools do not wait for each other with their lines.
  const access = pools.flatMap((pool) => written.filter((line) => line.includes(`|${pool}|`)));
  const lines = comparableLog(server).filter((line) => !line.includes('a connection was closed'));
  const log = pools.flatMap((pool) => lines.filter((line) => line.includes(`[pool ${pool}]`))).map(masked);
  return { answers, access, log };
}

test('answers to requests made by chance', { skip }, async () => {
  const { seed, rounds } = fuzzing(150);
  using root = docroot();
  const chance = new Chance(seed);
  const requests = Array.from({ length: rounds }, () => randomRequest(chance));
  const [reference, hathi] = [
    await serve('php-fpm', requests, root.join('www')),
    await serve('hathi', requests, root.join('www')),
  ];
  for (const [index, answer] of reference.answers.entries()) {
    // An empty path ends php-fpm's worker without an answer.
    if (answer.end === undefined) continue;
    assert.deepEqual(hathi.answers[index], answer, `seed ${seed}: ${JSON.stringify(requests[index])}`);
  }
  assert.deepEqual(hathi.access, reference.access);
  assert.deepEqual(hathi.log, reference.log);
});
