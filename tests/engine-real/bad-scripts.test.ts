/** Scripts that end badly, each followed by requests that must not notice. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { run, script, text } from './scripts.ts';

/** Takes notice of everything that an earlier request could have left behind, and leaves something itself. */
const witness = `
  static $calls = 0;
  $left = [++$calls, isset($GLOBALS['mark']), defined('MARK'), function_exists('mark'), ini_get('memory_limit'), getcwd() === __DIR__,
    ob_get_level(), error_get_last(), setlocale(LC_ALL, 0), date_default_timezone_get(), mb_internal_encoding(), headers_list() === ['X-Powered-By: PHP/' . PHP_VERSION]
    || headers_list() === ['X-Powered-By: PHP/' . PHP_VERSION, 'Content-type: text/html; charset=UTF-8'], umask()];
  $GLOBALS['mark'] = 1; define('MARK', 1); eval('function mark() {}'); ini_set('memory_limit', '77M'); chdir('/'); ob_start();
  date_default_timezone_set('Asia/Kolkata'); mb_internal_encoding('UTF-16'); header('X-Left: 1'); umask(0077);
  echo json_encode($left), ' ', $_SERVER['QUERY_STRING'];`;

const bad: readonly (readonly [name: string, code: string, status: number, log?: RegExp])[] = [
  [
    'an uncaught exception',
    `$GLOBALS['mark'] = 1; throw new Exception('no');`,
    500,
    /PHP Fatal error: {2}Uncaught Exception: no/,
  ],
  [
    'exhausted memory',
    `ini_set('memory_limit', '32M'); $a = []; for (;;) $a[] = str_repeat('x', 1 << 20);`,
    500,
    /Allowed memory size of 33554432 bytes exhausted/,
  ],
  [
    'max_execution_time',
    `set_time_limit(1); for (;;) { $x = sqrt(2); }`,
    500,
    /Maximum execution time of 1 second exceeded/,
  ],
  ['a Fiber', `(new Fiber(fn() => 1))->start();`, 500, /Fibers are not available in the embedded PHP engine/],
  [
    'endless recursion',
    `function deep($n) { return deep($n + 1) + 1; } deep(0);`,
    500,
    /Allowed memory size|Maximum call stack/,
  ],
  [
    'exit in a destructor',
    `class D { function __destruct() { exit(7); } } $d = new D; strlen();`,
    500,
    /Uncaught ArgumentCountError/,
  ],
];

describe('after a script that ended badly', () => {
  let server: Server;
  let clean: string;

  before(async () => {
    server = await startServer({
      engine: 'embedded',
      // max_execution_time is CPU time: on a busy machine it takes much longer.
      pools: (folder) =>
        poolText(folder, 'short', 'request_terminate_timeout = 1') +
        poolText(
          folder,
          'www',
          `pm.max_children = 2
php_value[display_errors] = 0
php_admin_flag[log_errors] = on
php_value[html_errors] = 0`,
        ),
    });
    clean = (await text(server, witness)).split(' ')[0] ?? '';
  });
  after(async () => {
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  /** 60 requests, each of which has its own answer and finds nothing of an earlier one. */
  const allIsWell = async (): Promise<void> => {
    const path = script(server, witness);
    let next = 0;
    const client = async (): Promise<void> => {
      while (next < 60) {
        const query = `n=${++next}`;
        const reply = await request(server.socket(), scriptParams(path, { QUERY_STRING: query }));
        assert.equal(`${reply.status} ${reply.body.toString()}`, `200 ${clean} ${query}`);
      }
    };
    await Promise.all([client(), client()]);
  };

  test('nothing crosses without one either', allIsWell);

  for (const [name, code, status, log] of bad) {
    test(`by ${name}`, async () => {
      const reply = await run(server, code);
      assert.equal(reply.status, status, reply.body.toString());
      if (log !== undefined) assert.match(reply.stderr, log);
      await allIsWell();
    });
  }

  test('by a trap of the engine', async () => {
    server.expect(/ERROR: .*the PHP engine crashed in script/, /WARNING: .* exited on signal 11/);
    const from = server.log.mark();
    const reply = await run(
      server,
      `class Endless { function __toString(): string { return (string) $this; } }
      register_shutdown_function(fn() => (string) new Endless()); ob_start(fn() => (string) new Endless());`,
    );
    assert.equal(reply.status, 500);
    await server.log.waitFor(/exited on signal 11/, from);
    await allIsWell();
  });

  test('by a loop that never ends: 504 at request_terminate_timeout', async () => {
    server.expect(
      /WARNING: .* execution timed out \(\d+\.\d+ sec\), terminating/,
      /WARNING: .* exited on signal 15/,
    );
    const reply = await run(server, `set_time_limit(0); for (;;);`, { pool: 'short' });
    assert.equal(reply.status, 504);
    assert.equal(await text(server, witness, { pool: 'short' }), `${clean} `);
  });
});

test('with engine.isolation = request nothing of a request is left for the next', async () => {
  await using server = await startServer({
    engine: 'embedded',
    pools: (folder) => poolText(folder, 'www', 'engine.isolation = request'),
  });
  // State that a request can really leave to the next one of its worker: locale, caches of include files, persistent
  // handles.
  const cross = `static $n = 0; $n++; $before = [$n, setlocale(LC_ALL, 0), realpath_cache_size(), count(opcache_get_status()['scripts']), (string)@file_get_contents('/internal/left')];
    setlocale(LC_ALL, 'C.UTF-8'); @mkdir('/internal'); file_put_contents('/internal/left', 'mine'); realpath('/usr/bin/env'); ini_set('precision', 3);
    echo json_encode([$before, getmypid()]);`;
  const first = await text(server, cross);
  for (let i = 0; i < 3; i++) assert.equal(await text(server, cross), first);
  await server.stop();
});
