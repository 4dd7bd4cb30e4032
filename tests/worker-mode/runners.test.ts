/** Worker scripts as frameworks ship them: their calls in their order, and what clients send that PHP complains about. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

/**
 * As Laravel Octane's script: it checks that it is a worker, boots in a try, counts its requests, answers exceptions by
 * itself and reports them on STDERR, and ends by `finally`. PHP's warnings are exceptions.
 */
const counting = `<?php
if (!($_SERVER['FRANKENPHP_WORKER'] ?? false) || !function_exists('frankenphp_handle_request')) { echo 'no worker'; exit(1); }
ignore_user_abort(true);
ini_set('display_errors', 'stderr');
try {
    set_error_handler(function (int $level, string $text): never { throw new ErrorException($text, 0, $level); });
    if (is_file(__DIR__ . '/broken')) throw new RuntimeException('no cache server');
} catch (Throwable $error) {
    fwrite(STDERR, '[bootstrap] ' . $error->getMessage() . "\\n");
    exit(1);
}
/** Takes CPU time over the limit; on a busy machine that lasts. */
function burn(): string {
    $used = static fn (): int => getrusage()['ru_utime.tv_sec'];
    for ($start = $used(); $used() < $start + 5;) for ($n = 0; $n < 1000; $n++) hash('sha256', 'x');
    return 'no limit';
}
$count = 0;
$most = $_SERVER['OWN_LIMIT'] ?? $_ENV['MAX_REQUESTS'] ?? $_SERVER['MAX_REQUESTS'] ?? 1000;
$limit = $_ENV['REQUEST_MAX_EXECUTION_TIME'] ?? $_SERVER['REQUEST_MAX_EXECUTION_TIME'] ?? null;
if ($limit !== null) set_time_limit((int) $limit);
$boot = $_SERVER;
$handle = static function () use ($boot): void {
    try {
        header('X-Pid: ' . getmypid());
        $text = match ($_GET['do'] ?? '') {
            'throw' => throw new LogicException('on purpose'),
            'exit' => exit('left'),
            'boot' => json_encode([$boot['MAX_REQUESTS'], $boot['FRANKENPHP_LOOP_MAX'], defined('STDIN')]),
            'loop' => burn(),
            'terminal' => json_encode([is_resource(STDOUT), get_resource_type(STDERR)]),
            'warn' => (function (): string { try { return $undefined; } catch (ErrorException $e) { return $e->getMessage(); } })(),
            default => json_encode([count($_GET), count($_POST), count($_COOKIE), count($_FILES)]),
        };
        echo $text;
    } catch (Throwable $error) {
        http_response_code(500);
        echo 'Internal Server Error';
        error_log('told by the logger of PHP', 4);
        fwrite(STDERR, 'shutdown: ' . $error->getMessage() . "\\n");
    }
};
try {
    while ($count < $most && frankenphp_handle_request($handle)) $count++;
} finally {
    file_put_contents(__DIR__ . '/../log/terminated', '.', FILE_APPEND);
    gc_collect_cycles();
}
`;

/** The same output without worker mode. */
const classic = '<?php echo json_encode([count($_GET), count($_POST), count($_COOKIE), count($_FILES)]);';

/**
 * As Symfony's runner: environment of the boot below that of a request, the kernel's end after the answer, a whole number as
 * the limit of requests.
 */
const merging = `<?php
$max = $_SERVER['FRANKENPHP_LOOP_MAX'] ?? 500;
if (filter_var($max, FILTER_VALIDATE_INT, FILTER_NULL_ON_FAILURE) === null) throw new LogicException("\\"$max\\" is no whole number");
ignore_user_abort(true);
$server = array_filter($_SERVER, static fn (string $key) => !str_starts_with($key, 'HTTP_'), ARRAY_FILTER_USE_KEY);
$server['APP_RUNTIME_MODE'] = 'web=1&worker=1';
$handler = static function () use ($server, &$request): void {
    $_SERVER += $server;
    $request = [$_SERVER['REQUEST_URI'], $_SERVER['HTTP_X_ONE'] ?? null, $_SERVER['APP_RUNTIME_MODE'], $_SERVER['APP_ENV']];
    if (isset($_GET['exit'])) { echo 'left'; exit; }
    echo json_encode($request, JSON_UNESCAPED_SLASHES);
};
$loops = 0;
do {
    $goesOn = frankenphp_handle_request($handler);
    if ($request) { file_put_contents(__DIR__ . '/../log/kernel-ends', '.', FILE_APPEND); $request = null; }
    gc_collect_cycles();
} while ($goesOn && (0 >= (int) $max || ++$loops < (int) $max));
exit(0);
`;

const limits = `php_admin_flag[log_errors] = on
php_admin_value[post_max_size] = 1000
php_admin_value[max_input_vars] = 5
php_admin_value[max_multipart_body_parts] = 2
catch_workers_output = yes`;

const vars = Array.from({ length: 9 }, (_, n) => `v${n}=1`).join('&');
const part = (n: number): string =>
  `--b\r\nContent-Disposition: form-data; name="f${n}"; filename="a"\r\n\r\nx\r\n`;
const form = { CONTENT_TYPE: 'application/x-www-form-urlencoded' };

/** What clients send that PHP complains about before any script runs. */
const faulty: Readonly<Record<string, readonly [params: Record<string, string>, body: string]>> = {
  'a form without its boundary': [{ CONTENT_TYPE: 'multipart/form-data;' }, 'abc'],
  'a boundary that is cut off': [{ CONTENT_TYPE: 'multipart/form-data; boundary="b' }, part(0)],
  'too many parts': [
    { CONTENT_TYPE: 'multipart/form-data; boundary=b' },
    `${part(0)}${part(1)}${part(2)}--b--\r\n`,
  ],
  'too many variables in the query': [{ QUERY_STRING: vars }, ''],
  'too many variables in the body': [form, vars],
  'too many cookies': [{ HTTP_COOKIE: vars.replaceAll('&', ';') }, ''],
  'a body over post_max_size': [form, 'x='.padEnd(3000, 'y')],
};

suite('worker scripts of frameworks', { skip: nativeBuild().skip }, () => {
  let server: Server;

  before(async () => {
    server = await startServer({
      engine: 'native',
      pools: (folder) => {
        folder.write('www/classic.php', classic);
        const octane = folder.write('www/counting.php', counting);
        const symfony = folder.write('www/merging.php', merging);
        return [
          poolText(folder, 'counting', `worker.script = ${octane}\n${limits}`),
          poolText(
            folder,
            'five',
            `worker.script = ${octane}\nworker.max_requests = 5\ncatch_workers_output = yes`,
          ),
          poolText(folder, 'own', `worker.script = ${octane}\nworker.max_requests = 5\nenv[OWN_LIMIT] = 5`),
          poolText(folder, 'timed', `worker.script = ${octane}\nenv[REQUEST_MAX_EXECUTION_TIME] = 1`),
          poolText(folder, 'merging', `worker.script = ${symfony}\nenv[APP_ENV] = prod`),
          poolText(
            folder,
            'seven',
            `worker.script = ${symfony}\nenv[APP_ENV] = prod\nworker.max_requests = 7`,
          ),
        ].join('');
      },
      expected: [/said into|PHP message|exited|cannot start/],
    });
  });
  after(() => server[Symbol.asyncDispose]());

  const ask = (pool: string, params: Record<string, string> = {}, body = ''): Promise<Reply> => {
    const script = server.folder.join(
      `www/${pool === 'merging' || pool === 'seven' ? 'merging' : 'counting'}.php`,
    );
    const method = body === '' ? {} : { REQUEST_METHOD: 'POST' };
    return request(server.socket(pool), scriptParams(script, { ...method, ...params }), body);
  };
  const pidOf = (reply: Reply): string => reply.headers.get('x-pid')?.[0] ?? '';

  for (const [what, [params, body]] of Object.entries(faulty)) {
    test(`${what}: the application's error handler does not hear of it, all is as without worker mode`, async () => {
      const script = server.folder.join('www/classic.php');
      const method = body === '' ? {} : { REQUEST_METHOD: 'POST' };
      const expected = await request(
        server.socket('counting'),
        scriptParams(script, { ...method, ...params }),
        body,
      );
      assert.match(expected.stderr, /PHP Warning/);
      for (let round = 0; round < 2; round += 1) {
        const reply = await ask('counting', params, body);
        assert.deepEqual(
          [reply.status, reply.body.toString(), reply.stderr],
          [200, expected.body.toString(), expected.stderr],
        );
      }
      assert.equal(
        (await ask('counting', { QUERY_STRING: 'do=warn' })).body.toString(),
        'Undefined variable $undefined',
      );
    });
  }

  test('an exception is answered by the script itself, and reported on STDERR and by the logger', async () => {
    const reply = await ask('counting', { QUERY_STRING: 'do=throw' });
    assert.deepEqual([reply.status, reply.body.toString()], [500, 'Internal Server Error']);
    assert.match(reply.stderr, /told by the logger of PHP/);
    await server.log.waitFor(/said into stderr: "shutdown: on purpose"/, 0);
    const streams = await ask('counting', { QUERY_STRING: 'do=terminal' });
    assert.deepEqual(JSON.parse(streams.body.toString()), [true, 'stream']);
  });

  test('the number of requests at the boot is what is left, a whole number after exit as well', async () => {
    const boot = async (pool: string): Promise<unknown> =>
      JSON.parse((await ask(pool, { QUERY_STRING: 'do=boot' })).body.toString());
    const unlimited = ['2147483647', '-1', false];
    assert.deepEqual(await boot('counting'), unlimited);
    assert.equal((await ask('counting', { QUERY_STRING: 'do=exit' })).body.toString(), 'left');
    assert.deepEqual(await boot('counting'), unlimited);
  });

  for (const pool of ['five', 'own']) {
    test(`${pool}: a script that counts ends after its last request: it is not booted for none`, async () => {
      const from = server.log.mark();
      const served = new Map<string, number>();
      for (let n = 0; n < 23; n += 1) {
        const reply = await ask(pool, n % 5 === 2 && pool === 'five' ? { QUERY_STRING: 'do=exit' } : {});
        assert.equal(reply.status, 200);
        served.set(pidOf(reply), (served.get(pidOf(reply)) ?? 0) + 1);
      }
      assert.deepEqual([...served.values()], [5, 5, 5, 5, 3]);
      assert.doesNotMatch(server.log.lines.slice(from).join('\n'), /never called|could not be booted/);
      assert.ok(existsSync(server.folder.join('log/terminated')));
    });
  }

  test('a time limit that is set at the boot is each request’s', async () => {
    const first = await ask('timed');
    const reply = await ask('timed', { QUERY_STRING: 'do=loop' });
    assert.doesNotMatch(reply.body.toString(), /no limit/);
    assert.match(reply.stderr, /Maximum execution time of 1 second exceeded/);
    const last = await ask('timed');
    assert.equal(last.status, 200);
    assert.notEqual(pidOf(last), pidOf(first));
  });

  for (const pool of ['merging', 'seven']) {
    test(`${pool}: the boot's environment is below the request's, the end of each is after its answer`, async () => {
      const from = server.log.mark();
      for (let n = 0; n < 16; n += 1) {
        const leaves = n % 5 === 3;
        const header: Record<string, string> = n % 2 === 0 ? { HTTP_X_ONE: `${n}` } : {};
        const reply = await ask(pool, {
          REQUEST_URI: `/${n}`,
          QUERY_STRING: leaves ? 'exit=1' : '',
          ...header,
        });
        const expected = JSON.stringify([`/${n}`, header['HTTP_X_ONE'] ?? null, 'web=1&worker=1', 'prod']);
        assert.deepEqual([reply.status, reply.body.toString()], [200, leaves ? 'left' : expected]);
      }
      assert.doesNotMatch(server.log.lines.slice(from).join('\n'), /never called|could not be booted/);
      const ends = () => readFileSync(server.folder.join('log/kernel-ends'), 'utf8').length;
      await poll('the end of each request', () => ends() >= (pool === 'merging' ? 13 : 26) || undefined);
    });
  }

  test('a boot that the script answers by itself: its words are in the log, the old workers serve on', async () => {
    server.folder.write('www/broken', '');
    const from = server.log.mark();
    server.signal('SIGUSR2');
    await server.log.waitFor(/said into stderr: "\[bootstrap\] no cache server"/, from);
    await server.log.waitFor(/\[pool counting\] cannot start: .*never called .* exit status 1/, from);
    assert.equal((await ask('counting')).status, 200);
  });
});
