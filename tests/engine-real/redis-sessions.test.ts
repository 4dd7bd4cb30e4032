/** session.save_handler = redis, on a real Redis. Keys, values and messages are those of phpredis 5.3.7 under PHP 8.2. */
import assert from 'node:assert/strict';
import { createServer, type Server as NetServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { freePort, type WebServer } from '../harness/web-server.ts';
import { startRedis } from './redis.ts';
import { json, run } from './scripts.ts';

/** Answers every connection by `said`, or by nothing. */
async function listen(said: string): Promise<NetServer> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    if (said !== '') socket.write(said);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function pathTo(server: NetServer): string {
  return `tcp://127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe('sessions in Redis', { skip: requires('redis-server') }, () => {
  let server: Server;
  let redis: WebServer;
  let savePath: string;
  /** `$redis` is a client of the database that sessions are kept in. */
  const ask = (code: string, more: Readonly<Record<string, string>> = {}): Promise<unknown> =>
    json(server, `$redis = new Redis(); $redis->connect('127.0.0.1', (int) $_SERVER['PORT']); ${code}`, {
      params: { PORT: `${redis.port}`, ...more },
    });

  before(async () => {
    redis = await startRedis();
    savePath = `tcp://127.0.0.1:${redis.port}`;
    server = await startServer({
      engine: 'embedded',
      pools: (folder) =>
        poolText(
          folder,
          'www',
          `pm.max_children = 3\nphp_value[session.save_handler] = redis\nphp_value[session.save_path] = "${savePath}"\nphp_admin_flag[display_errors] = off`,
        ),
    });
  });
  after(async () => {
    await redis?.[Symbol.asyncDispose]();
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  const count = `session_id('counted1'); session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; session_write_close();`;

  test('last over requests and a fatal error, under the key of phpredis', async () => {
    for (let n = 1; n <= 3; n += 1) {
      assert.deepEqual(
        await ask(
          `${count} echo json_encode([$_SESSION, session_module_name(), $redis->get('PHPREDIS_SESSION:counted1'), $redis->ttl('PHPREDIS_SESSION:counted1')]);`,
        ),
        [{ n }, 'redis', `n|i:${n};`, 1440],
      );
    }
    assert.equal((await run(server, `session_id('counted1'); session_start(); nosuch();`)).status, 500);
    assert.deepEqual(await ask(`${count} echo json_encode($_SESSION);`), { n: 4 });
  });

  test('are read and made to last where nothing has changed', async () => {
    assert.deepEqual(
      await ask(`$redis->setEx('PHPREDIS_SESSION:other1', 60, "who|s:3:\\"\\0\\xff!\\";");
        session_id('other1'); session_start(['gc_maxlifetime' => 3600]); $read = bin2hex($_SESSION['who']); session_write_close();
        echo json_encode([$read, $redis->ttl('PHPREDIS_SESSION:other1')]);`),
      ['00ff21', 3600],
    );
  });

  test('are destroyed, get another id, and unknown ids are refused in strict mode', async () => {
    assert.deepEqual(
      await ask(`session_id('first1'); session_start(); $_SESSION['a'] = 1; session_regenerate_id(true); $new = session_id(); session_write_close();
        $r = [$new !== 'first1', $redis->exists('PHPREDIS_SESSION:first1'), $redis->get("PHPREDIS_SESSION:$new")];
        session_start(); $r[] = session_destroy(); $r[] = $redis->exists("PHPREDIS_SESSION:$new");
        session_id('made-up'); session_start(['use_strict_mode' => 1]); $r[] = session_id() === 'made-up'; session_write_close();
        $known = session_id(); session_id($known); session_start(['use_strict_mode' => 1]); $r[] = session_id() === $known; $r[] = session_gc();
        echo json_encode($r);`),
      [true, 0, 'a|i:1;', true, 0, false, true, 0],
    );
  });

  test('with locks lose no change', async () => {
    const add = `ini_set('redis.session.locking_enabled', 1); ini_set('redis.session.lock_retries', -1); ini_set('redis.session.lock_wait_time', 1000);
      session_id('locked1'); session_start(); $n = $_SESSION['n'] ?? 0; usleep(2000); $_SESSION['n'] = $n + 1; session_write_close();
      echo json_encode($redis->exists('PHPREDIS_SESSION:locked1_LOCK') <= 1);`;
    await Promise.all(Array.from({ length: 12 }, () => ask(add)));
    assert.deepEqual(
      await ask(`echo json_encode([$redis->get('PHPREDIS_SESSION:locked1'), $redis->keys('*_LOCK')]);`),
      ['n|i:12;', []],
    );
  });

  test('fail to start, or are only read, where somebody else has the lock', async () => {
    const start = `$redis->set('PHPREDIS_SESSION:held1_LOCK', 'somebody'); $redis->set('PHPREDIS_SESSION:held1', 'a|i:1;');
      ini_set('redis.session.locking_enabled', 1); ini_set('redis.session.lock_retries', 2); ini_set('redis.session.lock_wait_time', 1000); session_id('held1');`;
    assert.deepEqual(
      await ask(`set_error_handler(function ($n, $text) { usleep(1); global $said; $said[] = preg_replace('/ \\(.*/', '', $text); return true; });
        ${start} $r = session_start(); echo json_encode([$r, $said, $redis->get('PHPREDIS_SESSION:held1_LOCK')]);`),
      [
        false,
        [
          'session_start(): Failed to acquire session lock',
          'session_start(): Failed to read session data: redis',
        ],
        'somebody',
      ],
    );
    assert.deepEqual(
      await ask(`${start} ini_set('redis.session.lock_failure_readonly', 1); $r = [session_start(), $_SESSION]; $_SESSION['a'] = 2;
        set_error_handler(function ($n, $text) { global $said; $said[] = $text; return true; });
        session_write_close(); echo json_encode([$r, $said[0], $redis->get('PHPREDIS_SESSION:held1')]);`),
      [[true, { a: 1 }], 'session_write_close(): Unable to write session: session lock not held', 'a|i:1;'],
    );
  });

  test('in another database, with a prefix, a password, and on two servers', async () => {
    assert.deepEqual(
      await ask(`$redis->config('SET', 'requirepass', 'p w'); $redis->auth('p w'); ini_set('session.save_path', '${savePath}?database=3&prefix=P:&auth=p%20w');
        session_id('abcd1'); session_start(); $_SESSION['x'] = 1; session_write_close();
        $redis->config('SET', 'requirepass', ''); $redis->select(3); $r = [$redis->keys('*')];
        foreach (['abcd2', 'bbcd2'] as $id) {
          ini_set('session.save_path', '${savePath}?database=4, ${savePath}?database=5'); session_id($id); session_start(); $_SESSION['x'] = 1; session_write_close();
        }
        foreach ([4, 5] as $database) { $redis->select($database); $r[] = $redis->keys('*'); }
        echo json_encode($r);`),
      [['P:abcd1'], ['PHPREDIS_SESSION:abcd2'], ['PHPREDIS_SESSION:bbcd2']],
    );
  });

  test('on a Unix socket', async () => {
    assert.deepEqual(
      await ask(`$socket = $redis->config('GET', 'unixsocket')['unixsocket']; ini_set('session.save_path', "unix://$socket?database=6");
        session_id('unix1'); $r = [session_start()]; $_SESSION['x'] = 1; session_write_close();
        $redis->select(6); $r[] = $redis->keys('*');
        ini_set('session.save_path', "unix://$socket.none"); $r[] = @session_start(); echo json_encode($r);`),
      [true, ['PHPREDIS_SESSION:unix1'], false],
    );
  });

  test('fail with the messages of phpredis', async () => {
    const [mute, babbler] = [await listen(''), await listen('HTTP/1.1 400 Bad Request\r\n\r\n')];
    try {
      const cases: readonly (readonly [path: string, what: string])[] = [
        [`tcp://127.0.0.1:${await freePort()}`, 'Failed to read session data'],
        [`${savePath}?auth=wrong`, 'Failed to read session data'],
        [`${pathTo(mute)}?read_timeout=0.05`, 'Failed to read session data'],
        [pathTo(babbler), 'Failed to read session data'],
        ['tcp://name.invalid:1', 'Failed to read session data'],
        ['', 'Failed to initialize storage module'],
        [`${savePath}?weight=0`, 'Failed to initialize storage module'],
      ];
      for (const [path, what] of cases) {
        assert.deepEqual(
          await ask(
            `ini_set('session.save_path', $_SERVER['SAVE_PATH']); session_id('failed1'); echo json_encode([@session_start(), error_get_last()['message']]);`,
            { SAVE_PATH: path },
          ),
          [false, `session_start(): ${what}: redis (path: ${path})`],
        );
      }
    } finally {
      mute.close();
      babbler.close();
    }
  });
});

test('a session.save_handler that this PHP does not have is named in the log', async () => {
  const message = (name: string): RegExp =>
    new RegExp(`WARNING: \\[pool www\\] .*no session\\.save_handler "${name}": use files, user, redis`);
  await using server = await startServer({
    engine: 'embedded',
    pools: (folder) => poolText(folder, 'www', 'php_value[session.save_handler] = memcached'),
    args: ['-d', 'session.save_handler=sqlite'],
    expected: [message('memcached'), message('sqlite')],
  });
  await server.log.waitFor(message('memcached'));
  await server.log.waitFor(message('sqlite'));
  assert.deepEqual(
    await json(
      server,
      `echo json_encode([@session_start(), str_contains(error_get_last()['message'], 'memcached')]);`,
    ),
    [false, true],
  );
  await server.stop();
});
