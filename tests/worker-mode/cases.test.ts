/** Cases from the field's reports: the same code as a script and in a booted application, side by side; and settings of pools together. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import fc from 'fast-check';
import { askAdmin } from '../admin/client.ts';
import { engines } from '../harness/engines.ts';
import { type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type EngineName, type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

/** Bodies of handlers and of whole scripts. */
const same: Readonly<Record<string, string>> = {
  status: `http_response_code(404); echo 'gone';`,
  'status line': `header('HTTP/1.1 451 For a reason'); echo 'no';`,
  'status header': `header('Status: 503 Later'); echo 'later';`,
  redirect: `header('Location: /elsewhere');`,
  'several cookies': `setcookie('a', '1'); setcookie('b', '2', 0, '/', '', true, true); echo 'set';`,
  'a header in two lines': `header("X-A: b\\r\\n\\r\\nX-B: c"); echo 'still';`,
  'a header with a null byte': `header("X-A: b\\0c"); echo 'still';`,
  'a header after the body': `echo str_repeat('x', 10000); flush(); header('X-Late: 1'); echo 'end';`,
  'an invalid status': `header('HTTP/1.1 999999 What'); echo 'x';`,
  'header_remove()': `header('X-A: 1'); header_remove(); echo 'none';`,
  'no content type': `ini_set('default_mimetype', ''); echo 'plain';`,
  'no content, flushed': `http_response_code(204); flush();`,
  'not modified': `http_response_code(304);`,
  'a warning': `echo 'a', $undefined, 'b';`,
  'an exception after output': `echo 'before '; throw new LogicException('thrown');`,
  'an exception without output': `throw new LogicException('thrown');`,
  'an error in a destructor': `$x = new class { function __destruct() { echo 'destroyed '; } }; echo 'body '; unset($x);`,
  'an exception in a shutdown function': `register_shutdown_function(function () { throw new Exception('late'); }); echo 'body';`,
  'exit with a text': `register_shutdown_function(fn () => print(' at the end')); exit('left');`,
  'exit with a number': `echo 'left'; exit(7);`,
  'exit in a buffer': `ob_start(fn ($text) => strtoupper($text)); echo 'left'; exit;`,
  'exit below finally': `try { echo 'tried '; exit; } finally { echo 'never'; }`,
  'buffers left open': `ob_start(); echo 'a'; ob_start(); echo 'b';`,
  'a buffer that is thrown away': `echo 'a'; ob_start(); echo 'b'; ob_end_clean(); echo 'c';`,
  'output in parts': `echo 'one '; flush(); echo 'two'; flush();`,
  'a flush before session_start()': `echo 'x'; flush(); session_id('flushed'); var_dump(@session_start());`,
  'fastcgi_finish_request()': `echo 'early'; fastcgi_finish_request(); echo 'late'; error_log('behind');`,
  'finish within a buffer': `ob_start(); echo 'early'; fastcgi_finish_request(); header('X-Late: 1'); echo 'late';`,
  'printf and output functions': `printf('%05d', 7); print_r([1]); var_dump(1.5); fwrite(fopen('php://output', 'w'), 'out');`,
  'the body, twice': `var_dump(file_get_contents('php://input'), file_get_contents('php://input'));`,
  'a custom error handler': `set_error_handler(fn ($l, $m) => print("[$m]")); echo $undefined; restore_error_handler();`,
  'set_time_limit and ignore_user_abort': `var_dump(set_time_limit(9), ignore_user_abort(true), ini_get('max_execution_time'));`,
  'output_add_rewrite_var()': `output_add_rewrite_var('sid', '1'); echo '<a href="x.php">x</a>';`,
  'a session': `session_id('of-the-test'); session_start(); $_SESSION['a'] = 1; echo session_status(); session_destroy();`,
  'filter_input()': `var_dump(filter_input(INPUT_GET, 'n', FILTER_VALIDATE_INT), filter_input(INPUT_SERVER, 'REQUEST_METHOD'));`,
  'an include that is missing': `echo (@include 'nowhere.php') === false ? 'missing' : 'there';`,
  'a fiber': `$f = new Fiber(function () { echo 'a'; Fiber::suspend(); echo 'b'; }); $f->start(); echo '-'; $f->resume();`,
  'a generator left in the middle': `$g = (function () { try { yield 1; yield 2; } finally { echo 'closed'; } })(); echo $g->current(); unset($g);`,
};

const closures = Object.entries(same)
  .map(([name, body]) => `${JSON.stringify(name)} => function () { ${body} },`)
  .join('\n');
const actions = `<?php return [\n${closures}\n'server' => function () {
    $kept = array_diff_key($_SERVER, array_flip(['REQUEST_TIME', 'REQUEST_TIME_FLOAT', 'SCRIPT_FILENAME', 'SCRIPT_NAME', 'PHP_SELF', 'REQUEST_URI', 'FCGI_ROLE']));
    ksort($kept);
    echo base64_encode(serialize([$kept, $_GET, $_COOKIE]));
},\n];`;

const application = `<?php
$actions = require __DIR__ . '/actions.php';
$own = [
    'pid' => fn () => print(getmypid()),
    'line' => function () { static $stream; $stream ??= fopen(__DIR__ . '/lines', 'r'); echo fgets($stream); },
    'encoding' => function () { echo mb_internal_encoding(); mb_internal_encoding('EUC-JP'); },
    'grow' => function () { static $kept = []; $kept[] = random_bytes(6_000_000); echo getmypid(); },
    'hold' => function () { session_id('held'); session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n']; if (isset($_GET['long'])) { touch(__DIR__ . '/../log/holds'); sleep(60); } },
    'nap' => function () { touch(__DIR__ . '/../log/naps'); usleep(400000); echo getmypid(); },
];
try {
    while (hathi_handle_request(function () use ($actions, $own) { ($actions + $own)[$_GET['do']](); })) gc_collect_cycles();
} finally {
    file_put_contents(__DIR__ . '/../log/ends', getmypid() . "\\n", FILE_APPEND);
}
`;

/** So many clients at once, each with so many requests, one after the other. */
async function inTurns<T>(clients: number, each: number, ask: () => Promise<T>): Promise<T[]> {
  const client = async (): Promise<T[]> => {
    const answers: T[] = [];
    for (let n = 0; n < each; n += 1) answers.push(await ask());
    return answers;
  };
  return (await Promise.all(Array.from({ length: clients }, client))).flat();
}

const pools = {
  diff: '',
  encoding: 'worker.reset[] = mbstring',
  auto: 'pm = auto\npm.max_children = 3',
  memory: 'pm.max_memory = 40M',
  timed: 'request_terminate_timeout = 2s',
  exact: 'pm.max_children = 3\nworker.max_requests = 7',
} as const;
type Pool = keyof typeof pools;

/** Each worker of the embedded engine is a thread that costs a second: there only pools where it has code of its own. */
const ownOfEmbedded: readonly string[] = ['diff', 'encoding', 'timed', 'exact'] satisfies Pool[];

for (const { name: engine, skip } of engines) {
  suite(`cases of worker mode (${engine})`, { skip }, () => casesOf(engine));
}

function casesOf(engine: EngineName): void {
  let server: Server;
  let script: string;
  let adminSocket: string;

  before(async () => {
    server = await startServer({
      engine,
      global: 'process_control_timeout = 30s',
      pools: (folder) => {
        adminSocket = folder.join('run/admin.sock');
        folder.write('www/actions.php', actions);
        folder.write('www/lines', 'first\nsecond\nthird\n');
        folder.write(
          'www/classic.php',
          "<?php $actions = require __DIR__ . '/actions.php'; $actions[$_GET['do']]();",
        );
        script = folder.write('www/app.php', application);
        const common = `worker.script = ${script}\nphp_admin_flag[log_errors] = on
php_value[session.save_path] = ${folder.join('tmp')}\nphp_value[session.use_strict_mode] = 0`;
        return [
          `admin.listen = ${adminSocket}\n`,
          ...Object.entries(pools)
            .filter(([name]) => engine === 'native' || ownOfEmbedded.includes(name))
            .map(([name, lines]) => poolText(folder, name, `${common}\n${lines}`)),
        ].join('');
      },
      expected: [/exited|timed out|pm\.max_memory|terminating|PHP message/],
    });
  });
  after(() => server[Symbol.asyncDispose]());

  const send = (pool: Pool, asked: string, action: string, more: Record<string, string> = {}, body = '') =>
    request(
      server.socket(pool),
      scriptParams(asked, {
        ...(body === '' ? {} : { REQUEST_METHOD: 'POST', CONTENT_TYPE: 'text/plain' }),
        ...more,
        QUERY_STRING: `do=${encodeURIComponent(action)}${more['QUERY_STRING'] ?? ''}`,
      }),
      body,
    );
  const ask = (pool: Pool, action: string, more: Record<string, string> = {}): Promise<Reply> =>
    send(pool, script, action, more);
  const text = async (pool: Pool, action: string, more: Record<string, string> = {}): Promise<string> =>
    (await ask(pool, action, more)).body.toString();

  /** What differs by nature: the place of the code, and the frames below it. */
  const comparable = ({ status, headers, body, stderr }: Reply) => {
    const plain = (said: string): string =>
      said.replace(/(?:\\n|\n)#\d+ [^\n]*/g, '').replace(/(?:\\n|\n)Stack trace:/g, '');
    return [status, [...headers].sort(), plain(body.toString()), plain(stderr)];
  };

  for (const name of Object.keys(same)) {
    test(`as a script and in the application: ${name}`, async () => {
      const classic = server.folder.join('www/classic.php');
      const expected = comparable(await send('diff', classic, name, { QUERY_STRING: '&n=5' }, 'a body'));
      for (let round = 0; round < 2; round += 1) {
        const reply = await send('diff', script, name, { QUERY_STRING: '&n=5' }, 'a body');
        assert.deepEqual(comparable(reply), expected);
      }
    });
  }

  test('any parameters, as a script and in the application', async () => {
    const word = fc.string({ unit: fc.constantFrom(...'abZ09_-./=&;%+[]\\ "\u00e9\t'), maxLength: 12 });
    const name = fc.string({ unit: fc.constantFrom(...'ABZ_09-[]. '), minLength: 1, maxLength: 8 });
    const params = fc.record({
      query: word,
      cookie: word,
      others: fc.dictionary(
        name.map((rest) => `HTTP_${rest}`),
        word,
        { maxKeys: 4 },
      ),
      info: fc.option(word),
    });
    const classic = server.folder.join('www/classic.php');
    for (const { query, cookie, others, info } of fc.sample(params, { numRuns: 40, seed: 7 })) {
      const more = {
        ...others,
        HTTP_COOKIE: cookie,
        QUERY_STRING: `&${query}`,
        ...(info === null ? {} : { PATH_INFO: `/${info}` }),
      };
      const expected = (await send('diff', classic, 'server', more)).body.toString();
      assert.equal(await text('diff', 'server', more), expected, JSON.stringify(more));
    }
  });

  test('a stream that the application keeps is read on', async () => {
    assert.deepEqual(
      [await text('diff', 'line'), await text('diff', 'line'), await text('diff', 'line')],
      ['first\n', 'second\n', 'third\n'],
    );
  });

  test('worker.reset[]: the request end of that extension runs, of others it does not', async () => {
    assert.deepEqual(
      [await text('encoding', 'encoding'), await text('encoding', 'encoding')],
      ['UTF-8', 'UTF-8'],
    );
    assert.deepEqual([await text('diff', 'encoding'), await text('diff', 'encoding')], ['UTF-8', 'EUC-JP']);
  });

  const ends = (): string[] => {
    const file = server.folder.join('log/ends');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  };

  // The master's own work: the same for each engine.
  if (engine === 'native') {
    test('pm = auto: many at once, each by a booted application', async () => {
      const replies = await Promise.all(Array.from({ length: 12 }, () => text('auto', 'pid')));
      for (const pid of replies) assert.match(pid, /^\d+$/);
      // It is sized with the first heartbeat.
      const pool = await poll('the pool to be sized', async () => {
        const { body } = await askAdmin({ socketPath: adminSocket, path: '/api/pools?pool=auto' });
        const [found] = (
          JSON.parse(body) as {
            pools: { sizing?: { target: number }; workers: { application?: object }[] }[];
          }
        ).pools;
        return found?.sizing === undefined ? undefined : { ...found, sizing: found.sizing };
      });
      assert.ok(pool.sizing.target >= 1);
      assert.ok(pool.workers.every(({ application }) => application !== undefined));
    });

    test('pm.max_memory: the worker that grew is replaced, and no request is lost', async () => {
      const first = await text('memory', 'pid');
      // Over the limit, and far below PHP's own.
      for (let n = 0; n < 8; n += 1) assert.equal(await text('memory', 'grow'), first);
      const pid = await poll(
        'another worker',
        async () => {
          const reply = await ask('memory', 'pid');
          assert.equal(reply.status, 200);
          return reply.body.toString() === first ? undefined : reply.body.toString();
        },
        30_000,
      );
      assert.match(pid, /^\d+$/);
      await poll('the end of the first', () => ends().includes(first) || undefined);
    });
  }

  test('worker.max_requests with many clients at once: none is lost, and no worker exceeds it', async () => {
    const served = new Map<string, number>();
    const [clients, each] = engine === 'native' ? [20, 10] : [10, 3];
    const pids = await inTurns(clients, each, () => text('exact', 'pid'));
    for (const pid of pids) served.set(pid, (served.get(pid) ?? 0) + 1);
    assert.ok(pids.every((pid) => /^\d+$/.test(pid)));
    assert.ok(Math.max(...served.values()) <= 7, JSON.stringify([...served]));
  });

  test('a request that is ended by its time limit: its session is free, another worker serves', async () => {
    assert.equal(await text('timed', 'hold'), '1');
    const ended = await ask('timed', 'hold', { QUERY_STRING: '&long=1' }).catch(() => undefined);
    assert.ok(ended === undefined || ended.status >= 500, `${ended?.status}`);
    await server.log.waitFor(/\[pool timed\].*execution timed out .* terminating/);
    assert.match(await text('timed', 'hold'), /^\d$/);
  });

  test('end-worker: its request is finished, its application ends by itself', async () => {
    const running = text('diff', 'nap');
    await poll('the request to run', () => existsSync(server.folder.join('log/naps')) || undefined);
    const pid = (
      JSON.parse((await askAdmin({ socketPath: adminSocket, path: '/api/pools?pool=diff' })).body) as {
        pools: { workers: { pid: number; state: string }[] }[];
      }
    ).pools[0]?.workers.find(({ state }) => state === 'Running')?.pid;
    const path = `/api/end-worker?pool=diff&pid=${pid}&how=quit`;
    await askAdmin({ socketPath: adminSocket, path, method: 'POST' });
    assert.equal(await running, String(pid));
    await poll('its end', () => ends().includes(String(pid)) || undefined);
    assert.notEqual(await text('diff', 'pid'), String(pid));
  });

  test('a request that waits is served by the next generation', async () => {
    const running = text('diff', 'nap');
    const waiting = text('diff', 'pid');
    await server.reload(60_000);
    assert.match(await running, /^\d+$/);
    assert.match(await waiting, /^\d+$/);
  });
}
