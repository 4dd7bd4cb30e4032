/** The life of workers that hold an application: boots that fail, ends of handlers, reloads, other scripts. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { startLoad } from '../harness/load.ts';
import { poolText } from '../harness/pool.ts';
import { isRoot, type Server, startServer, titleOf } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { writeApplication } from './application.ts';

const { skip } = nativeBuild();
const header = (reply: Reply, name: string): string | undefined => reply.headers.get(name)?.[0];

interface Site {
  readonly server: Server;
  readonly script: string;
  ask(action: string, more?: Record<string, string>): Promise<Reply>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @param lines of the pool; `FOLDER` stands for the server's */
async function start(
  lines: string,
  options: { expected?: readonly RegExp[]; change?: (folder: TestFolder, script: string) => void } = {},
): Promise<Site> {
  let script = '';
  const server = await startServer({
    engine: 'native',
    global: 'log_level = debug',
    pools: (folder) => {
      script = writeApplication(folder);
      options.change?.(folder, script);
      return poolText(
        folder,
        'www',
        `worker.script = ${script}\ncatch_workers_output = yes\n${lines.replaceAll('FOLDER', folder.path)}`,
      );
    },
    expected: [/PHP message|said into|Fatal/, ...(options.expected ?? [])],
  });
  return {
    server,
    script,
    ask: (action, more = {}) =>
      request(server.socket(), scriptParams(script, { QUERY_STRING: `do=${action}`, ...more })),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A script that never asks for a request. */
const broken = '<?php echo "no database"; throw new RuntimeException("cannot connect");';

suite('the life of a booted application', { skip }, () => {
  test('exit: the answer goes out with what belongs to it, then the application boots anew', async () => {
    await using site = await start('');
    const { ask } = site;
    const first = await ask('hello');
    const exit = await ask('exit');
    assert.deepEqual([exit.status, exit.body.toString()], [200, 'bye shut']);
    for (let round = 0; round < 10; round += 1) assert.equal((await ask('hello')).body.toString(), 'hello');
    const later = await ask('hello');
    assert.equal(header(later, 'x-pid'), header(first, 'x-pid'));
    assert.notEqual(header(later, 'x-boot'), header(first, 'x-boot'));
    assert.equal(readFileSync(site.server.folder.join('log/boot-shutdown'), 'utf8'), 'x');
    const session = await ask('session-exit', { HTTP_COOKIE: '' });
    assert.match(session.body.toString(), /^\w+$/);
    await site.server.stop();
  });

  test('exit and a fatal error in a function that the request registered for its end', async () => {
    await using site = await start(
      'php_flag[display_errors] = off\naccess.log = FOLDER/log/access\naccess.format = "%s %q"',
    );
    const first = await site.ask('hello');
    const exit = await site.ask('shutdown-exit');
    assert.deepEqual([exit.status, exit.body.toString()], [200, 'handled first ']);
    const second = await site.ask('hello');
    assert.notEqual(header(second, 'x-boot'), header(first, 'x-boot'));
    const fatal = await site.ask('shutdown-fatal');
    assert.deepEqual([fatal.status, fatal.body.toString()], [500, 'handled ']);
    assert.notEqual(header(await site.ask('hello'), 'x-pid'), header(second, 'x-pid'));
    const log = readFileSync(site.server.folder.join('log/access'), 'utf8');
    assert.equal(log.match(/do=shutdown-fatal/g)?.length, 1, log);
  });

  test('worker.on_exit = keep: the application goes on', async () => {
    await using site = await start('worker.on_exit = keep');
    const first = await site.ask('hello');
    assert.equal((await site.ask('exit')).body.toString(), 'bye shut');
    assert.equal(header(await site.ask('hello'), 'x-boot'), header(first, 'x-boot'));
  });

  // As in any request PHP throws a buffer away when memory is used up.
  for (const [what, action, printed, message] of [
    ['a fatal error', 'fatal', 'printed ', /Cannot redeclare/],
    ['memory used up', 'memory', '', /Allowed memory size/],
  ] as const) {
    test(`${what}: a 500 with what PHP still has of the output, then another worker`, async () => {
      await using site = await start('php_flag[display_errors] = off\nphp_admin_flag[log_errors] = on');
      const first = await site.ask('hello');
      const fatal = await site.ask(action);
      assert.deepEqual([fatal.status, fatal.body.toString()], [500, printed]);
      assert.match(fatal.stderr, message);
      const next = await site.ask('hello');
      assert.equal(next.body.toString(), 'hello');
      assert.notEqual(header(next, 'x-pid'), header(first, 'x-pid'));
      assert.ok(existsSync(site.server.folder.join('log/boot-shutdown')));
    });
  }

  test('worker.max_requests is never exceeded, and overrides pm.max_requests', async () => {
    await using site = await start('pm.max_requests = 2\nworker.max_requests = 10');
    const counts = new Map<string, number>();
    for (let n = 0; n < 60; n += 1) {
      const reply = await site.ask('hello');
      const pid = header(reply, 'x-pid') ?? '';
      counts.set(pid, (counts.get(pid) ?? 0) + 1);
    }
    const whole = [...counts.values()].slice(0, -1);
    assert.ok(
      whole.every((count) => count >= 9 && count <= 10),
      JSON.stringify([...counts]),
    );
  });

  test('a boot that fails at the start is the pool’s error, tried again with back-off', async () => {
    const server = startServer({
      engine: 'native',
      pools: (folder) => {
        writeApplication(folder);
        const script = folder.write('www/broken.php', broken);
        const www = poolText(folder, 'www', `worker.script = ${script}`);
        return `${www}${poolText(folder, 'other', '')}`;
      },
      expected: [/cannot start: .*could not be booted|exited|PHP message/],
      startCap: 20_000,
    });
    await using running = await server;
    const said =
      /\[pool www\] cannot start: the application of ".*broken\.php" could not be booted: .*cannot connect.* in .*broken\.php on line 1; trying again/s;
    await running.log.waitFor(said, 0);
    running.folder.write('www/hello.php', '<?php echo "hello";');
    const other = await request(running.socket('other'), scriptParams(running.folder.join('www/hello.php')));
    assert.equal(other.body.toString(), 'hello');
    running.folder.write('www/broken.php', '<?php while (hathi_handle_request(fn () => print("mended")));');
    const mended = await poll('the pool to serve', async () => {
      const reply = await request(running.socket(), scriptParams(running.folder.join('www/broken.php')));
      return reply.body.toString() === 'mended' || undefined;
    });
    assert.ok(mended);
  });

  test('a script that never waits is told so, with what it printed', async () => {
    await using site = await start('', { expected: [/cannot start/] });
    const from = site.server.log.mark();
    site.server.folder.write('www/public/index.php', '<?php echo "usage: none"; exit(4);');
    site.server.signal('SIGUSR2');
    await site.server.log.waitFor(
      /cannot start: the script ".*index\.php" never called hathi_handle_request\(\): it ended with exit status 4, and printed: usage: none/,
      from,
    );
    assert.equal((await site.ask('hello')).body.toString(), 'hello');
  });

  test('a reload to an application that cannot be booted leaves the old one serving', async () => {
    await using site = await start('', { expected: [/cannot start|reload/] });
    const first = await site.ask('hello');
    const from = site.server.log.mark();
    const text = readFileSync(site.script);
    site.server.folder.write('www/public/index.php', '<?php function a() {} function a() {}');
    site.server.signal('SIGUSR2');
    await site.server.log.waitFor(/cannot start: .*Cannot redeclare a\(\).* on line 1/, from);
    await site.server.ready(from, 10_000);
    assert.equal(header(await site.ask('hello'), 'x-boot'), header(first, 'x-boot'));
    site.server.folder.write('www/public/index.php', text);
    await site.server.reload();
    const later = await site.ask('hello');
    assert.notEqual(header(later, 'x-pid'), header(first, 'x-pid'));
  });

  test('a boot that takes too long is ended, with the place where it is', async () => {
    await using site = await start('worker.boot_timeout = 1s', { expected: [/boot_timeout|cannot start/] });
    const from = site.server.log.mark();
    const text = readFileSync(site.script);
    site.server.folder.write('www/public/index.php', '<?php function connect() { sleep(60); } connect();');
    site.server.signal('SIGUSR2');
    await site.server.log.waitFor(
      /cannot start: .*does not wait for a request after 1 seconds \(worker\.boot_timeout\); it is in sleep at .*index\.php:1/,
      from,
    );
    await site.server.ready(from, 10_000);
    assert.equal((await site.ask('hello')).body.toString(), 'hello');
    site.server.folder.write('www/public/index.php', text);
    await site.server.reload();
  });

  test('a script without a loop is booted for each request, which is said once', async () => {
    await using site = await start('', { expected: [/is to call hathi_handle_request\(\) in a loop/] });
    site.server.folder.write('www/public/index.php', '<?php hathi_handle_request(fn () => print("once"));');
    await site.server.reload();
    for (let n = 0; n < 3; n += 1) assert.equal((await site.ask('hello')).body.toString(), 'once');
    await site.server.log.waitFor(/in a loop/);
    const said = site.server.log.lines.filter((line) => /in a loop/.test(line));
    assert.equal(said.length, 1);
  });

  for (const pm of [
    'pm = dynamic\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 2',
    'pm = ondemand\npm.process_idle_timeout = 1s',
  ]) {
    test(`${pm.split('\n')[0]}: many at once`, async () => {
      await using site = await start(`${pm}\npm.max_children = 4`, { expected: [/max_children/] });
      const replies = await Promise.all(
        Array.from({ length: 24 }, (_, n) =>
          site.ask('sleep', { QUERY_STRING: `do=sleep&us=20000&nonce=n${n}` }),
        ),
      );
      assert.deepEqual(
        replies.map((reply) => reply.body.toString()),
        replies.map((_, n) => `n${n}`),
      );
      if (!pm.includes('ondemand')) return;
      await poll(
        'workers that have nothing to do to end',
        () =>
          site.server.workers().every(({ pid }) => !titleOf(pid).startsWith('php-fpm: pool ')) || undefined,
        30_000,
      );
      assert.equal((await site.ask('hello')).body.toString(), 'hello');
    });
  }

  test('what the application does at its end is waited for, longer than a heartbeat', async () => {
    await using site = await start('pm = ondemand\npm.process_idle_timeout = 1s');
    const script = site.server.folder.write(
      'www/slow-end.php',
      `<?php while (hathi_handle_request(fn () => print('hello'))) continue;
for ($end = microtime(true) + 2.5; microtime(true) < $end;) usleep(10000);
touch(__DIR__ . '/../log/has-ended');`,
    );
    site.server.configure((folder) =>
      poolText(folder, 'www', `worker.script = ${script}\npm = ondemand\npm.process_idle_timeout = 1s`),
    );
    await site.server.reload();
    assert.equal((await request(site.server.socket(), scriptParams(script))).body.toString(), 'hello');
    const ended = site.server.folder.join('log/has-ended');
    await poll('the end of the application', () => existsSync(ended) || undefined, 30_000);
  });

  test('JIT and preloading', async () => {
    await using site = await start(
      'php_admin_value[opcache.jit] = tracing\nphp_admin_value[opcache.jit_buffer_size] = 16M\nphp_admin_value[opcache.jit_hot_func] = 2\nphp_admin_value[opcache.jit_hot_loop] = 2',
    );
    site.server.folder.write(
      'www/preload.php',
      '<?php final class Preloaded { public const WORD = "preloaded"; }',
    );
    const script = site.server.folder.write(
      'www/jit.php',
      `<?php function sum(int $n): int { $sum = 0; for ($i = 0; $i < $n; $i++) $sum += $i % 7; return $sum; }
while (hathi_handle_request(function () { if (sum(5000) !== 14995) throw new Exception('wrong'); echo Preloaded::WORD, $_GET['n']; if ($_GET['n'] === '150') exit; })) continue;`,
    );
    site.server.configure((folder) =>
      poolText(
        folder,
        'www',
        `worker.script = ${script}\nphp_admin_value[opcache.jit] = tracing\nphp_admin_value[opcache.jit_buffer_size] = 16M\nphp_admin_value[opcache.jit_hot_func] = 2\nphp_admin_value[opcache.jit_hot_loop] = 2\nphp_admin_value[opcache.preload] = ${folder.join('www/preload.php')}`,
      ),
    );
    await site.server.reload();
    for (let n = 0; n < 300; n += 1) {
      const reply = await request(site.server.socket(), scriptParams(script, { QUERY_STRING: `n=${n}` }));
      assert.equal(reply.body.toString(), `preloaded${n}`);
    }
  });

  test('a chroot: the script is a path in it', { skip: !isRoot && 'needs root' }, async () => {
    await using server = await startServer({
      engine: 'native',
      pools: (folder) => {
        folder.write(
          'www/in/app.php',
          '<?php $n = 0; while (hathi_handle_request(function () use (&$n) { echo __FILE__, ++$n; })) continue;',
        );
        return poolText(folder, 'www', `chroot = ${folder.join('www')}\nworker.script = /in/app.php`);
      },
    });
    for (const n of [1, 2, 3]) {
      const reply = await request(server.socket(), scriptParams('/in/app.php'));
      assert.equal(reply.body.toString(), `/in/app.php${n}`);
    }
  });

  test('a session handler that is set before the loop stays', async () => {
    await using site = await start('');
    const script = site.server.folder.write(
      'www/sessions.php',
      `<?php
session_set_save_handler(new class implements SessionHandlerInterface {
    private array $kept = [];
    public function open($p, $n): bool { return true; } public function close(): bool { return true; }
    public function read($id): string { return $this->kept[$id] ?? ''; }
    public function write($id, $data): bool { $this->kept[$id] = $data; return true; }
    public function destroy($id): bool { return true; } public function gc($m): int { return 0; } }, true);
while (hathi_handle_request(function () {
    if (isset($_GET['other'])) { ini_set('session.save_handler', 'files'); echo 'other'; return; }
    session_id('of-the-test'); session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];
})) continue;`,
    );
    site.server.configure((folder) => poolText(folder, 'www', `worker.script = ${script}`));
    await site.server.reload();
    const ask = async (query: string): Promise<string> =>
      (await request(site.server.socket(), scriptParams(script, { QUERY_STRING: query }))).body.toString();
    assert.deepEqual(
      [await ask(''), await ask(''), await ask('other=1'), await ask('')],
      ['1', '2', 'other', '3'],
    );
  });

  test('opcache_reset(): the application boots anew in a generation with an OPcache of its own', async () => {
    await using site = await start('pm.max_children = 2\nphp_admin_flag[opcache.enable] = on');
    const first = await site.ask('hello');
    const params = scriptParams(site.script, { QUERY_STRING: 'do=hello' });
    const load = startLoad({ clients: 4, address: site.server.socket(), params, body: 'hello' });
    const reply = await site.ask('reset-opcache');
    assert.deepEqual(JSON.parse(reply.body.toString()), [true, true]);
    await site.server.log.waitFor(/the application boots anew: OPcache is to restart/);
    await poll('the next generation', async () => {
      const later = await site.ask('reset-opcache', { QUERY_STRING: 'do=hello' });
      return header(later, 'x-boot') !== header(first, 'x-boot') || undefined;
    });
    const { counts, samples } = await load.stop();
    assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
  });

  test('worker.watch: a change of a file boots the application anew; one that does not boot leaves the old one', async () => {
    await using site = await start('', {
      expected: [/cannot start/],
      change: (folder) => folder.write('www/extra.txt', ''),
    });
    site.server.configure((folder) =>
      poolText(
        folder,
        'www',
        `worker.script = ${site.script}\nworker.watch[] = ${folder.join('www/**/*.php')}`,
      ),
    );
    await site.server.reload();
    const boot = async (): Promise<string | undefined> => header(await site.ask('hello'), 'x-boot');
    const first = await boot();
    const from = site.server.log.mark();
    const text = readFileSync(site.server.folder.join('www/actions.php'), 'utf8');
    site.server.folder.write('www/extra.txt', 'not watched');
    site.server.folder.write('www/actions.php', '<?php throw new Exception("unfinished");');
    await site.server.log.waitFor(/boots anew: ".*actions\.php" has changed/, from);
    await site.server.log.waitFor(/cannot start: .*unfinished/, from);
    assert.equal(await boot(), first);
    site.server.folder.write('www/actions.php', `${text}\n`);
    await poll('the new application', async () => (await boot()) !== first || undefined);
  });

  test('worker.match: what matches is the application’s, by the path or by the script; all else is not', async () => {
    await using site = await start('worker.match[] = /api/*\nworker.match[] = /classic.php', {
      expected: [/worker\.reset: this PHP has no extension "nothing"/],
    });
    const ask = async (path: string, uri: string): Promise<string> => {
      const asked = site.server.folder.join(`www/public/${path}`);
      const more = { QUERY_STRING: 'do=hello', REQUEST_URI: uri, SCRIPT_NAME: `/${path}` };
      return (await request(site.server.socket(), scriptParams(asked, more))).body.toString();
    };
    assert.equal(await ask('classic.php', '/anything'), 'hello');
    assert.equal(await ask('api/users', '/api/users?page=2'), 'hello');
    assert.match(await ask('outside.php', '/outside.php'), /worker\.script/);
    assert.match(await ask('api', '/apis'), /File not found/);
    site.server.configure((folder) =>
      poolText(
        folder,
        'www',
        `worker.script = ${site.script}\nworker.reset[] = mbstring\nworker.reset[] = nothing`,
      ),
    );
    await site.server.reload();
    assert.equal((await site.ask('hello')).body.toString(), 'hello');
  });

  test('reloads under load lose nothing, of the application and of other scripts', async () => {
    await using site = await start('pm.max_children = 4\nworker.other_children = 2');
    const address = site.server.socket();
    const params = scriptParams(site.script, { QUERY_STRING: 'do=sleep&us=2000&nonce=app' });
    const other = site.server.folder.write('www/public/other.php', '<?php usleep(2000); echo "other";');
    const loads = [
      startLoad({ clients: 8, address, params, body: 'app' }),
      startLoad({ clients: 4, address, params: scriptParams(other), body: 'other' }),
    ];
    for (let reload = 0; reload < 8; reload += 1) await site.server.reload();
    for (const load of loads) {
      const { counts, samples } = await load.stop();
      assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
      assert.ok((counts.ok ?? 0) > 50);
    }
    await site.server.stop();
  });

  test('an exit now and then under load loses nothing', async () => {
    await using site = await start('pm.max_children = 3');
    const address = site.server.socket();
    const params = (query: string) => scriptParams(site.script, { QUERY_STRING: query });
    const load = startLoad({ clients: 6, address, params: params('do=hello'), body: 'hello' });
    for (let n = 0; n < 60; n += 1) {
      const reply = await request(address, params('do=exit'));
      assert.equal(reply.body.toString(), 'bye shut');
    }
    const { counts, samples } = await load.stop();
    assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
  });
});
