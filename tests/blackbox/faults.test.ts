/** Faults around the master and its hosts: they are killed, hang, cannot start, read rubbish. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { brokenPhp } from '../harness/broken-php.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { exited, isAlive, type ProcessId, signalProcess } from '../harness/processes.ts';
import { Server, serverKind, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { ask, hello, loaded } from './hello.ts';

/** php-fpm has no hosts and other answers: these tests are about Hathi alone. */
const options = { skip: serverKind === 'php-fpm' && 'the reference answers otherwise' };

/** The master's part alone, which is the same for both engines. */
const nativeOnly = { ...options, only: 'native' } as const;

/** A native host is up before the last of many signals is sent, and its PHP is not one of many versions. */
const embeddedOnly = { ...options, only: 'embedded' } as const;

function onlyHost(server: Server, pool = 'www'): ProcessId {
  const [host, ...more] = server.hosts(pool);
  assert.ok(host !== undefined && more.length === 0, `hosts of ${pool}: ${server.hosts(pool).length}`);
  return host;
}

const died =
  /ERROR: \[pool www\] the engine host \d+ exited on signal SIGKILL; starting a new one (at once|in [\d.]+ seconds)$/;

testEngines(
  'a host that is killed under load: only its own requests fail, those that waited are served',
  options,
  async (engine) => {
    await using server = await startServer({
      engine,
      pools: (to) =>
        poolText(to, 'www', `pm.max_children = ${engine === 'native' ? 2 : 1}`) + poolText(to, 'other'),
      expected: [died],
    });
    const other = onlyHost(server, 'other');
    const clients = 4;
    // A start of an embedded host takes a second of CPU.
    const kills = engine === 'native' ? 2 : 1;
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
  },
);

testEngines(
  'a master that is killed leaves no host behind, and the next one takes over its place',
  nativeOnly,
  async (engine) => {
    await using server = await startServer({ engine, pools: poolText });
    const before = server.workers();
    assert.ok(before.length > 0);
    server.signal('SIGKILL');
    await exited(server.child);
    await poll('the end of the hosts', () => before.every((id) => !isAlive(id)) || undefined, 3000);
    assert.ok(existsSync(server.socket()) && existsSync(server.pidFile), 'nobody was there to remove them');
    await using second = await startServer({
      engine,
      pools: () => `pid = ${server.pidFile}\n${poolText(server.folder)}`,
    });
    const script = server.folder.write('www/hello.php', hello);
    assert.equal((await request(server.socket(), scriptParams(script))).body.toString(), 'hello');
    assert.equal(readFileSync(server.pidFile, 'utf8'), String(second.pid));
    await second.stop();
    assert.deepEqual(readdirSync(server.folder.join('run')), []);
  },
);

testEngines('a host that hangs: a reload takes over, a stop ends everything', nativeOnly, async (engine) => {
  await using server = await startServer({
    engine,
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
  // The host stays stopped: without the kill this would not end.
  await server.stop();
});

const signalsAtStart: NodeJS.Signals[] = ['SIGTERM', 'SIGQUIT', 'SIGINT'];
for (const signal of signalsAtStart) {
  const engines = signal === 'SIGTERM' ? options : nativeOnly;
  testEngines(`${signal} while the pools start ends the master in order`, engines, async (engine) => {
    await using server = new Server({ engine, pools: poolText });
    await server.log.waitFor(/NOTICE: fpm is running/);
    await server.stop(signal);
    assert.equal(server.log.count(/ready to handle connections$/), 0);
  });
}

testEngines(
  'reloads that are asked for while the pools start come after the start, as one',
  embeddedOnly,
  async (engine) => {
    await using server = new Server({ engine, pools: poolText });
    await server.log.waitFor(/NOTICE: fpm is running/);
    for (let i = 0; i < 50; i++) server.signal(i % 2 === 0 ? 'SIGUSR2' : 'SIGHUP');
    await server.ready(0, 20_000);
    const from = server.log.lines.findIndex((line) => line.endsWith('ready to handle connections')) + 1;
    await server.ready(from, 20_000);
    assert.equal(server.log.count(/Reloading in progress/), 1);
    assert.equal(await ask(server), 'hello');
    await server.stop();
  },
);

testEngines(
  'a storm of reloads ends with one host; a stop in the midst of a reload is a stop',
  embeddedOnly,
  async (engine) => {
    await using server = await startServer({ engine, pools: poolText });
    for (let i = 0; i < 50; i++) server.signal('SIGUSR2');
    await server.log.waitFor(/Reloading in progress/);
    server.signal('SIGUSR1');
    await poll('the last reload', () => server.log.count(/ready to handle connections$/) >= 2 || undefined);
    server.signal('SIGUSR2');
    await poll('the next host', () => server.hosts('www').length > 1 || undefined);
    server.signal('SIGQUIT');
    await server.stop('SIGTERM');
  },
);

test('a pool that cannot start: the others serve, it says why and when, and a reload mends it', {
  skip: nativeBuild().skip || options.skip,
}, async () => {
  const reason = /ERROR: \[pool bad\] cannot start: .*WebAssembly/;
  const bad = (to: TestFolder) => poolText(to, 'www', 'engine = native') + poolText(to, 'bad', brokenPhp(to));
  const good = (to: TestFolder) =>
    poolText(to, 'www', 'engine = native') + poolText(to, 'bad', 'engine = embedded');
  await using server = await startServer({
    env: { HATHI_ENGINE_DIR: nativeBuild().folder },
    pools: bad,
    expected: [reason],
  });
  assert.equal(await ask(server), 'hello');
  await server.log.waitFor(/cannot start: .*; trying again at once$/);
  await server.log.waitFor(/cannot start: .*; trying again in 1\.0 seconds$/);
  assert.equal(server.log.count(/ready to handle connections$/), 1, 'the master has started once');

  const waiting = ask(server, 'bad');
  server.configure(good);
  await server.reload();
  assert.equal(await waiting, 'hello', 'a connection that waited');
  const tries = server.log.count(reason);
  await server.reload();
  assert.equal(server.hosts('bad').length <= 2, true, 'the restart that was due made no second host');
  assert.equal(server.log.count(reason), tries);
  await server.stop();
});

testEngines(
  'no descriptors left for a host: said, survived, and over once there are',
  options,
  async (engine) => {
    await using server = await startServer({
      engine,
      pools: poolText,
      expected: [/cannot start: cannot start the engine host: .*(EMFILE|Too many open files)/, died],
    });
    const limit = (descriptors: number): unknown =>
      execFileSync('prlimit', ['--pid', String(server.pid), `--nofile=${descriptors}:`]);
    limit(held(server.pid).descriptors);
    const from = server.log.mark();
    signalProcess(onlyHost(server), 'SIGKILL');
    await server.log.waitFor(/ERROR: \[pool www\] cannot start: cannot start the engine host: /, from);
    limit(1024);
    assert.equal(await ask(server), 'hello');
    await server.stop();
  },
);

testEngines(
  'a configuration file that is gone or unreadable refuses the reload and no more',
  nativeOnly,
  async (engine) => {
    await using server = await startServer({ engine, pools: poolText, expected: [/ERROR: /] });
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
  },
);

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
        code: '<?php class Endless { function __toString(): string { return (string) $this; } } register_shutdown_function(fn() => (string) new Endless()); ob_start(fn() => (string) new Endless());',
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
    await poll('the end of the old hosts', () => server.hosts('www').length === 1 || undefined);
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
