/** What goes wrong around the master and its hosts: they are killed, hang, cannot start, get rubbish to read. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { test as nodeTest } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { requires } from '../harness/debian.ts';
import { RequestLost, request, scriptParams } from '../harness/fastcgi.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { type LoadResult, startLoad } from '../harness/load.ts';
import { poolText } from '../harness/pool.ts';
import { exited, isAlive, type ProcessId, signalProcess } from '../harness/processes.ts';
import { Server, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

/** php-fpm has no hosts and other answers: these tests are about Hathi alone. */
const test = serverKind === 'php-fpm' ? nodeTest.skip : nodeTest;

const hello = '<?php echo "hello";';

/** The engine hosts of a pool at this moment, found by the title that they give themselves. */
function hosts(server: Server, pool = 'www'): ProcessId[] {
  return server.workers().filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith(`php-fpm: pool ${pool}`);
    } catch {
      return false;
    }
  });
}

function onlyHost(server: Server, pool = 'www'): ProcessId {
  const [host, ...more] = hosts(server, pool);
  assert.ok(host !== undefined && more.length === 0, `hosts of ${pool}: ${hosts(server, pool).length}`);
  return host;
}

async function ask(server: Server, pool = 'www', cap?: number): Promise<string> {
  const script = server.folder.write('www/hello.php', hello);
  return (await request(server.socket(pool), scriptParams(script), '', cap)).body.toString();
}

async function loaded(server: Server, clients: number, during: () => Promise<void>): Promise<LoadResult> {
  const script = server.folder.write('www/hello.php', hello);
  const load = startLoad({ clients, address: server.socket(), params: scriptParams(script), body: 'hello' });
  try {
    await during();
  } finally {
    await load.stop();
  }
  return await load.stop();
}

const died =
  /ERROR: \[pool www\] the engine host \d+ exited on signal SIGKILL; starting a new one (at once|in [\d.]+ seconds)$/;

test('a host that is killed under load: only its own requests fail, those that waited are served', async () => {
  await using server = await startServer({
    pools: (to) => poolText(to, 'www', 'pm.max_children = 2') + poolText(to, 'other'),
    expected: [died],
  });
  const other = onlyHost(server, 'other');
  const clients = 4;
  const kills = 2;
  const result = await loaded(server, clients, async () => {
    for (let kill = 1; kill <= kills; kill++) {
      const from = server.log.mark();
      signalProcess(onlyHost(server), 'SIGKILL');
      await server.log.waitFor(died, from);
      assert.equal(await ask(server, 'other', 1000), 'hello');
      assert.equal(await ask(server), 'hello', 'a connection that waited for the new host');
    }
  });
  const { ok = 0, ...lost } = result.counts;
  assert.ok(ok > kills * clients, 'the pool came back');
  for (const kind of Object.keys(lost))
    assert.ok(kind === 'reset' || kind === 'cut', result.samples.join('\n'));
  assert.ok((lost.reset ?? 0) + (lost.cut ?? 0) <= kills * clients, JSON.stringify(lost));
  assert.ok(isAlive(other), 'the other pool has its host still');
  await server.stop();
});

test('a master that is killed leaves no host behind, and the next one takes over its place', async () => {
  await using server = await startServer({ pools: poolText });
  const before = server.workers();
  assert.ok(before.length > 0);
  server.signal('SIGKILL');
  await exited(server.child);
  await poll('the end of the hosts', () => before.every((id) => !isAlive(id)) || undefined, 3000);
  assert.ok(existsSync(server.socket()) && existsSync(server.pidFile), 'nobody was there to remove them');
  await using second = await startServer({
    pools: () => `pid = ${server.pidFile}\n${poolText(server.folder)}`,
  });
  const script = server.folder.write('www/hello.php', hello);
  assert.equal((await request(server.socket(), scriptParams(script))).body.toString(), 'hello');
  assert.equal(readFileSync(server.pidFile, 'utf8'), String(second.pid));
  await second.stop();
  assert.deepEqual(readdirSync(server.folder.join('run')), []);
});

test('a host that hangs: a reload takes over, a stop ends everything', async () => {
  await using server = await startServer({
    pools: poolText,
    global: 'process_control_timeout = 1',
    expected: [/did not finish in time/],
  });
  const first = onlyHost(server);
  signalProcess(first, 'SIGSTOP');
  await server.reload();
  assert.equal(await ask(server), 'hello');
  await poll('the end of the host that hangs', () => !isAlive(first) || undefined, 5000);
  signalProcess(onlyHost(server), 'SIGSTOP');
  const begin = performance.now();
  await server.stop();
  assert.ok(performance.now() - begin < 4000, 'two seconds of grace, then the kill');
});

const signalsAtStart: NodeJS.Signals[] = ['SIGTERM', 'SIGQUIT', 'SIGINT'];
for (const signal of signalsAtStart) {
  test(`${signal} while the pools start ends the master in order`, async () => {
    await using server = new Server({ pools: poolText });
    await server.log.waitFor(/NOTICE: fpm is running/);
    await server.stop(signal);
    assert.equal(server.log.count(/ready to handle connections$/), 0);
  });
}

test('reloads that are asked for while the pools start come after the start, as one', async () => {
  await using server = new Server({ pools: poolText });
  await server.log.waitFor(/NOTICE: fpm is running/);
  for (let i = 0; i < 50; i++) server.signal(i % 2 === 0 ? 'SIGUSR2' : 'SIGHUP');
  await server.ready(0, 20_000);
  const from = server.log.lines.findIndex((line) => line.endsWith('ready to handle connections')) + 1;
  await server.ready(from, 20_000);
  assert.equal(server.log.count(/Reloading in progress/), 1);
  assert.equal(await ask(server), 'hello');
  await server.stop();
});

test('a storm of reloads ends with one host; a stop in the midst of a reload is a stop', async () => {
  await using server = await startServer({ pools: poolText });
  for (let i = 0; i < 50; i++) server.signal('SIGUSR2');
  await server.log.waitFor(/Reloading in progress/);
  server.signal('SIGUSR1');
  await poll('the last reload', () => server.log.count(/ready to handle connections$/) >= 2 || undefined);
  server.signal('SIGUSR2');
  await poll('the next host', () => hosts(server).length > 1 || undefined);
  server.signal('SIGQUIT');
  await server.stop('SIGTERM');
});

test('a pool that cannot start: the others serve, it says why and when, and a reload mends it', async () => {
  const reason = /ERROR: \[pool bad\] cannot start: the embedded PHP 7\.4 is not installed/;
  const pools = (version: string) => (to: TestFolder) =>
    poolText(to, 'www') + poolText(to, 'bad', `engine.php = ${version}`);
  await using server = await startServer({ pools: pools('7.4'), expected: [reason] });
  assert.equal(await ask(server), 'hello');
  await server.log.waitFor(/cannot start: .*; trying again at once$/);
  await server.log.waitFor(/cannot start: .*; trying again in 1\.0 seconds$/);
  assert.equal(server.log.count(/ready to handle connections$/), 1, 'the master has started once');

  const waiting = ask(server, 'bad');
  server.configure(pools('8.4'));
  await server.reload();
  assert.equal(await waiting, 'hello', 'a connection that waited');
  const tries = server.log.count(reason);
  await server.reload();
  assert.equal(hosts(server, 'bad').length <= 2, true, 'the restart that was due made no second host');
  assert.equal(server.log.count(reason), tries);
  await server.stop();
});

test('no descriptors left for a host: said, survived, and over once there are', async () => {
  await using server = new Server({
    pools: poolText,
    global: 'rlimit_files = 30',
    expected: [/cannot start the engine host: .*EMFILE/, /FPM initialization failed/],
  });
  await server.log.waitFor(/ERROR: \[pool www\] cannot start: cannot start the engine host: spawn .* EMFILE/);
  await exited(server.child);
  assert.equal(server.child.exitCode, 78);
  assert.deepEqual(readdirSync(server.folder.join('run')), []);
});

test('connections that would use up the descriptors of a host are refused in the log, and scripts go on', async () => {
  const many = /WARNING: \[pool www\] more than \d+ connections are open: further ones are closed$/;
  await using server = await startServer({
    pools: (to) => poolText(to, 'www', 'rlimit_files = 60'),
    expected: [many],
  });
  {
    using _idle = open(server, Array(60).fill(Buffer.alloc(0)));
    await server.log.waitFor(many);
  }
  const script = server.folder.write(
    'www/open.php',
    '<?php echo fopen(__FILE__, "r") ? "opened" : "none left";',
  );
  const answer = async (): Promise<string> =>
    (await request(server.socket(), scriptParams(script))).body.toString();
  await poll('a free connection', async () =>
    (await answer().catch(() => '')) === 'opened' ? true : undefined,
  );
  await server.stop();
});

/** Connections that send these bytes and stay open. */
function open(server: Server, payloads: readonly Uint8Array[]): Disposable & { readonly sockets: Socket[] } {
  const sockets = payloads.map((bytes) => {
    const socket = connect(server.socket());
    socket.on('error', () => {});
    socket.write(bytes);
    return socket;
  });
  return {
    sockets,
    [Symbol.dispose]() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

test('malformed bytes, half requests and idle connections hold no worker', async () => {
  await using server = await startServer({ pools: poolText });
  const corpus = join(checkout, 'tests/fastcgi/corpus');
  const files = readdirSync(corpus).map((name) => readFileSync(join(corpus, name)));
  assert.ok(files.length > 20);
  using _rubbish = open(server, files);
  await server.log.waitFor(/NOTICE: \[pool www\] a connection was closed: Cannot read a FastCGI record/);
  assert.equal(await ask(server, 'www', 2000), 'hello');
  // The head of a request whose parameters never come.
  using _halves = open(server, Array(100).fill(Buffer.from([1, 1, 0, 1, 0, 8, 0, 0, 0, 1])));
  using _idle = open(server, Array(100).fill(Buffer.alloc(0)));
  assert.equal(await ask(server, 'www', 2000), 'hello');
  await server.stop();
});

test('more requests than listen.backlog: those that fit are served, the others are told at once', async () => {
  const full =
    /WARNING: \[pool www\] 20 requests \(listen\.backlog\) wait for a worker: further ones are refused$/;
  await using server = await startServer({
    pools: (to) => poolText(to, 'www', 'pm.max_children = 2\nlisten.backlog = 20'),
    expected: [full],
  });
  const script = server.folder.write('www/slow.php', '<?php usleep(50000); echo "served";');
  const bodies = await Promise.all(
    Array.from({ length: 300 }, async () => {
      try {
        return (await request(server.socket(), scriptParams(script))).body.toString();
      } catch (error) {
        // The kernel's own queue was full: nothing was accepted.
        if (error instanceof RequestLost && error.kind === 'refused') return '';
        throw error;
      }
    }),
  );
  const served = bodies.filter((body) => body === 'served').length;
  assert.ok(served >= 22, `${served} were served`);
  if (served < bodies.length) assert.ok(server.log.count(full) >= 1, server.log.text());
  assert.equal(bodies.filter((body) => body === '').length, bodies.length - served, 'no other answer');
  assert.equal(await ask(server), 'hello');
  await server.stop();
});

test('a full disk costs lines and uploads, not requests', { skip: requires('root') }, async () => {
  const lost = /ERROR: \[pool www\] cannot write the access log: .*ENOSPC/;
  using disk = new TestFolder();
  execFileSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=1777', 'none', disk.path]);
  try {
    await using server = await startServer({
      pools: (to) =>
        poolText(to, 'www', `access.log = ${disk.path}/log\nphp_admin_value[upload_tmp_dir] = ${disk.path}`),
      expected: [lost],
    });
    assert.equal(await ask(server), 'hello');
    fill(`${disk.path}/fill`);
    for (let i = 0; i < 120; i++) assert.equal(await ask(server), 'hello');
    await server.log.waitFor(lost);
    const upload = server.folder.write('www/upload.php', '<?php echo $_FILES["f"]["error"];');
    const boundary = 'multipart/form-data; boundary=b';
    const part = 'Content-Disposition: form-data; name="f"; filename="x"';
    const reply = await request(
      server.socket(),
      scriptParams(upload, { REQUEST_METHOD: 'POST', CONTENT_TYPE: boundary }),
      `--b\r\n${part}\r\n\r\n${'x'.repeat(100_000)}\r\n--b--\r\n`,
    );
    assert.equal(reply.body.toString(), '7', 'UPLOAD_ERR_CANT_WRITE');
    assert.equal(server.log.count(lost), 1, 'once, not a line a request');

    rmSync(`${disk.path}/fill`);
    await ask(server);
    await poll(
      'the log to go on',
      () => readFileSync(`${disk.path}/log`, 'utf8').endsWith('hello.php" 200\n') || undefined,
    );
    await server.stop();
  } finally {
    execFileSync('/bin/umount', ['-l', disk.path]);
  }
});

/** Writes until the file system is full. */
function fill(path: string): void {
  try {
    for (;;) appendFileSync(path, Buffer.alloc(4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

test('rotation under load loses and tears no line of the access log', async () => {
  await using server = await startServer({
    pools: (to) =>
      poolText(
        to,
        'www',
        `pm.max_children = 2\naccess.log = ${to.join('log/access')}\naccess.format = "begin %m %s %r%Q%q end"`,
      ),
  });
  const result = await loaded(server, 4, async () => {
    for (let i = 1; i <= 10; i++) {
      renameSync(server.folder.join('log/access'), server.folder.join(`log/access.${i}`));
      const from = server.log.mark();
      server.signal('SIGUSR1');
      if (i === 5) server.signal('SIGUSR2');
      await server.log.waitFor(/access log file re-opened$/, from);
      await delay(150);
    }
  });
  await server.stop();
  assert.deepEqual(Object.keys(result.counts), ['ok'], result.samples.join('\n'));
  const lines = readdirSync(server.folder.join('log'))
    .filter((name) => name.startsWith('access'))
    .flatMap((name) => readFileSync(server.folder.join('log', name), 'utf8').split('\n').slice(0, -1));
  assert.equal(lines.length, result.counts.ok);
  assert.deepEqual(new Set(lines), new Set(['begin GET 200 /hello.php end']));
});

test('a configuration file that is gone or unreadable refuses the reload and no more', async () => {
  await using server = await startServer({ pools: poolText, expected: [/ERROR: /] });
  const spoil = [
    () => rmSync(server.configFile),
    () =>
      writeFileSync(server.configFile, Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) % 256))),
    () => writeFileSync(server.configFile, ''),
  ];
  for (const act of spoil) {
    act();
    const from = server.log.mark();
    server.signal('SIGUSR2');
    await server.log.waitFor(/ERROR: reload refused: the running configuration stays in force$/, from);
    assert.equal(await ask(server), 'hello');
  }
  await server.stop();
});

const soakSeconds = Number(process.env['HATHI_TEST_SOAK_SECONDS'] ?? 0);

/** The file descriptors and the resident memory (MiB) of a process: proc(5). */
function held(pid: number): { descriptors: number; memory: number } {
  const memory = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
  return { descriptors: readdirSync(`/proc/${pid}/fd`).length, memory: Number(memory) / 1024 };
}

/** Registered only when it is asked for: a test that is always skipped would be a gap that nobody sees. */
if (soakSeconds > 0)
  test('a soak of mixed scripts and reloads leaves the master as it was', {
    timeout: soakSeconds * 1000 + 60_000,
  }, async (t) => {
    await using server = await startServer({
      pools: (to) => poolText(to, 'www', 'pm.max_children = 3\nphp_admin_flag[display_errors] = off'),
      expected: [/the PHP engine crashed/, /exited on signal 11/],
    });
    const upload = `--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n${'x'.repeat(200_000)}\r\n--b--\r\n`;
    const post = { REQUEST_METHOD: 'POST', CONTENT_TYPE: 'multipart/form-data; boundary=b' };
    const scripts = [
      { code: hello, status: 200, size: 5 },
      { code: '<?php missing();', status: 500, size: 0 },
      { code: '<?php echo "left"; exit(3);', status: 200, size: 4 },
      { code: '<?php echo str_repeat("x", 1 << 20);', status: 200, size: 1 << 20 },
      { code: '<?php echo $_FILES["f"]["size"];', status: 200, size: 6, more: post, body: upload },
      {
        code: '<?php function f() { return preg_replace_callback("/./", fn() => f(), "a"); } f();',
        status: 500,
      },
    ].map((script, index) => ({
      ...script,
      path: server.folder.write(`www/soak-${index}.php`, script.code),
    }));
    const counts: Record<string, number> = {};
    const until = performance.now() + soakSeconds * 1000;
    let sent = 0;
    const client = async (): Promise<void> => {
      while (performance.now() < until) {
        const kind = sent++ % 97 === 0 ? 5 : sent % 5;
        const { path, more = {}, body = '', status, size } = scripts[kind]!;
        const reply = await request(server.socket(), scriptParams(path, more), body);
        const isRight = reply.status === status && (size === undefined || reply.body.length === size);
        const outcome = isRight
          ? `script ${kind}`
          : `script ${kind}: ${reply.status}, ${reply.body.length} bytes`;
        counts[outcome] = (counts[outcome] ?? 0) + 1;
      }
    };
    const before = held(server.pid);
    const clients = Promise.all(Array.from({ length: 8 }, client));
    while (performance.now() < until) {
      await server.reload();
      await delay(3000);
    }
    await clients;
    await poll('the end of the old hosts', () => hosts(server).length === 1 || undefined);
    const after = held(server.pid);
    t.diagnostic(JSON.stringify({ counts, before, after }));
    assert.deepEqual(
      Object.keys(counts).sort(),
      scripts.map((_, kind) => `script ${kind}`),
    );
    assert.equal(after.descriptors, before.descriptors);
    assert.ok(after.memory < before.memory + 32, `${before.memory} MiB, then ${after.memory} MiB`);
    await server.stop();
  });
