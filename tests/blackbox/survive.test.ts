/**
 * The master is killed and nobody notices: its hosts serve on, and the next master takes them over with their workers,
 * socket and counters. 16 clients ask all the time, and a request that began before each fault ends after it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { text as read } from 'node:stream/consumers';
import { after, before, suite, test } from 'node:test';
import { processesOf, signalAll } from '../faults/injectors.ts';
import { assertEachOnce, assertGoesOn, assertKept, factsOf } from '../faults/invariants.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { type Load, startLoad } from '../harness/load.ts';
import { Masters, type StartedMaster } from '../harness/masters.ts';
import { poolText } from '../harness/pool.ts';
import { exited, isAlive } from '../harness/processes.ts';
import { poll } from '../harness/waiting.ts';
import { freePort } from '../harness/web-server.ts';
import { nativeBuild } from '../native/built-engine.ts';

const clients = 16;
const waits = (ms: number, answer: string): string =>
  `<?php $end = microtime(true) + ${ms / 1000}; while (microtime(true) < $end) usleep(5000); echo '${answer}';`;
const paths = 'pm.status_path = /status\nping.path = /ping';
const text = `pm.max_children = 4\n${paths}`;
const isRoot = process.getuid?.() === 0;

/** Runs until the file is there. */
const gated = (gate: string): string =>
  `<?php while (!file_exists('${gate}')) { clearstatcache(); usleep(5000); } echo 'long';`;

/** Nothing is left of masters that were stopped. */
async function assertNothingLeft(masters: Masters): Promise<void> {
  await masters.gone(5000);
  const names = readdirSync(masters.folder.join('runtime'), { recursive: true });
  const left = names.filter((name) => !/\.configurations(\/|$)/.test(`${name}`));
  assert.deepEqual(left, [], 'files of hosts that are gone');
}

async function ask(masters: Masters, pool = 'www', path = 'www/short.php'): Promise<string> {
  return (
    await request(masters.socket(pool), scriptParams(masters.folder.join(path)), '', 30_000)
  ).body.toString();
}

const { skip } = nativeBuild();

suite('under clients', { skip }, () => {
  let masters: Masters;
  let master: StartedMaster;
  let load: Load;

  before(async () => {
    masters = new Masters('native', (to) => poolText(to, 'www', text));
    masters.folder.write('www/short.php', waits(40, 'short'));
    master = await masters.start();
    const params = scriptParams(masters.folder.join('www/short.php'));
    load = startLoad({ clients, address: masters.socket(), params, body: 'short' });
  });

  after(async () => {
    await load?.stop();
    await masters?.[Symbol.asyncDispose]();
  });

  /** A fault that no client notices. @param act returns the master that serves in the end */
  function fault(name: string, act: () => Promise<StartedMaster>): void {
    test(name, async () => {
      const gate = masters.folder.join('tmp/gate');
      rmSync(gate, { force: true });
      masters.folder.write('www/long.php', gated(gate));
      const earlier = await factsOf(masters);
      const long = ask(masters, 'www', 'www/long.php');
      long.catch(() => undefined);
      await poll('the long request', async () => await runs('/long.php'));
      const answered = load.answered;
      try {
        master = await act();
      } finally {
        masters.folder.write('tmp/gate', '');
      }
      assert.equal(await long, 'long');
      await poll('answers', () => load.answered > answered + clients || undefined);
      const { counts, samples } = load.soFar();
      assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
      assertGoesOn(earlier, await factsOf(masters));
      masters.note(master);
      await assertEachOnce(masters);
    });
  }

  /** Whether a worker runs that script. */
  async function runs(script: string): Promise<true | undefined> {
    const { workers } = await masters.pool();
    return JSON.stringify(workers).includes(script) || undefined;
  }

  /** Puts other settings in force, as an operator does. */
  async function reload(pools: (to: TestFolder) => string): Promise<void> {
    masters.configure(pools);
    const from = master.log.mark();
    master.child.kill('SIGUSR2');
    await master.log.waitFor(/ready to handle connections/, from, 20_000);
  }

  const usual = (to: TestFolder): string => poolText(to, 'www', text);
  const other = `${text}\nenv[A] = b`;

  fault('killed, and again: the same workers go on, one of them with a request of 5 seconds', async () => {
    masters.folder.write('www/five.php', waits(5000, 'five'));
    const five = ask(masters, 'www', 'www/five.php');
    five.catch(() => undefined);
    await poll('the request', async () => await runs('/five.php'));
    for (let round = 0; round < 2; round += 1) {
      const earlier = await factsOf(masters);
      await masters.kill(master);
      assert.equal((await request(masters.socket(), scriptParams('/ping'))).body.toString(), 'pong');
      master = await masters.start();
      assert.match(master.log.text(), /engine host \d+ of the last master goes on with \d workers\n/);
      assertKept(earlier, await factsOf(masters));
    }
    assert.equal(await five, 'five');
    return master;
  });

  fault('other settings are a reload of what the last master left', async () => {
    const earlier = await factsOf(masters);
    await masters.kill(master);
    masters.configure((to) => poolText(to, 'www', other));
    const next = await masters.start();
    await next.log.waitFor(/until one with the new settings serves/, 0, 10_000);
    // The old one is there as well, with the request that does not end.
    const others = async () => (await factsOf(masters)).pids.filter((pid) => !earlier.pids.includes(pid));
    await poll('the new generation', async () => (await others()).length >= 4 || undefined, 20_000);
    return next;
  });

  fault('killed in the middle of a reload: the old generation goes on, or the new one', async () => {
    // From before the new host is there to after it has taken over.
    for (const phase of [/reloading: reading/, /fpm is running/, /ready to handle connections/]) {
      const from = master.log.mark();
      master.child.kill('SIGUSR2');
      await master.log.waitFor(phase, from, 10_000);
      await masters.kill(master);
      master = await masters.start();
    }
    return master;
  });

  fault('killed while a pool starts: connections that wait there are served', async () => {
    masters.configure((to) => usual(to) + poolText(to, 'new', 'pm.max_children = 2'));
    const from = master.log.mark();
    master.child.kill('SIGUSR2');
    await master.log.waitFor(/fpm is running/, from, 10_000);
    const waiting = Array.from({ length: clients }, () => ask(masters, 'new'));
    for (const one of waiting) one.catch(() => undefined);
    await masters.kill(master);
    const next = await masters.start();
    assert.deepEqual(await Promise.all(waiting), Array(clients).fill('short'));
    masters.note(next);
    await assertEachOnce(masters, 'new');
    return next;
  });

  fault('killed while it adopts: the next one adopts', async () => {
    const earlier = await factsOf(masters);
    await masters.kill(master);
    for (const phase of [/using inherited socket/, /goes on with/]) {
      const half = masters.launch();
      await half.log.waitFor(phase, 0, 10_000);
      await masters.kill(half);
    }
    const next = await masters.start();
    assertKept(earlier, await factsOf(masters));
    return next;
  });

  fault('two masters race: one has the hosts, the other says who', async () => {
    const earlier = await factsOf(masters);
    await masters.kill(master);
    const two = [masters.launch(), masters.launch()];
    const lost = await Promise.race(two.map((one) => exited(one.child).then(() => one)));
    const won = two.find((one) => one !== lost);
    assert.ok(won !== undefined);
    await won.log.waitFor(/ready to handle connections/, 0, 10_000);
    assert.match(lost.log.text(), new RegExp(`another master, pid ${won.pid}, has '`));
    assert.match(lost.log.text(), /FPM initialization failed/);
    assertKept(earlier, await factsOf(masters));
    return won;
  });

  fault('a host that died meanwhile: its pool starts, the other one goes on', async () => {
    const earlier = await factsOf(masters);
    await masters.kill(master);
    signalAll(masters, 'host', 'SIGKILL', 'new');
    await poll('its end', () => processesOf(masters, 'worker', 'new').length === 0 || undefined);
    const next = await masters.start();
    assert.equal(await ask(masters, 'new'), 'short');
    assertKept(earlier, await factsOf(masters));
    return next;
  });

  if (isRoot)
    fault('a process of another user at the socket of a host is nobody', async () => {
      const earlier = await factsOf(masters);
      await masters.kill(master);
      await askAsStranger(masters.hostsFolder());
      const next = await masters.start();
      assertKept(earlier, await factsOf(masters));
      return next;
    });

  fault(
    'killed while a new generation is on trial: the old one goes on, the trial begins again',
    async () => {
      const earlier = await factsOf(masters);
      masters.configure((to) =>
        poolText(to, 'www', `${text}\nenv[C] = d\nreload.canary = 50%\nreload.canary_time = 600s`),
      );
      const from = master.log.mark();
      master.child.kill('SIGUSR2');
      await master.log.waitFor(/takes 50 % of connections on trial/, from, 10_000);
      await masters.kill(master);
      master = await masters.start();
      await master.log.waitFor(/takes 50 % of connections on trial/, 0, 10_000);
      assertKept(earlier, await factsOf(masters));
      await masters.ask('/api/abort-reload', 'POST');
      await reload(usual);
      return master;
    },
  );

  fault(
    'workers that end without a master are replaced in their slots, and what they answered counts',
    async () => {
      await reload((to) => poolText(to, 'www', `${text}\npm.max_requests = 40`));
      const earlier = await factsOf(masters);
      const below = await masters.kill(master);
      const workers = below.filter(({ pid }) => earlier.pids.includes(pid));
      // One has the request that does not end.
      await poll('other workers', () => workers.filter(isAlive).length < 2 || undefined, 20_000);
      master = await masters.start();
      const later = await factsOf(masters);
      await poll('all workers', async () => (await factsOf(masters)).pids.length >= 4 || undefined, 5000);
      assert.ok(later.ended >= later.accepted - 8, `${later.ended} answers to ${later.accepted} requests`);
      await reload(usual);
      return master;
    },
  );

  test('every answer was counted once, and a stop leaves nothing', async () => {
    const { counts, samples } = await load.stop();
    assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
    const { accepted, ended } = await factsOf(masters);
    assert.ok(ended >= load.answered, `${ended} of ${load.answered}`);
    assert.equal(ended, accepted);
    await masters.stop(master);
    await assertNothingLeft(masters);
  });
});

/** Connects to each host as another user does, whom an administrator has let come so far. */
async function askAsStranger(folder: string): Promise<void> {
  const names = readdirSync(folder).filter((file) => /^[0-9a-f]{16}\.sock$/.test(file));
  assert.ok(names.length > 0);
  chmodSync(folder, 0o711);
  for (const name of names) {
    chmodSync(`${folder}/${name}`, 0o777);
    const stranger = spawn(
      process.execPath,
      [
        '-e',
        `const socket = require('node:net').connect(process.argv[1], () => socket.write('x'));
         socket.on('error', (error) => console.log(error.code)).on('close', () => console.log('closed')).resume();`,
        `${folder}/${name}`,
      ],
      { uid: 65534, gid: 65534, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const said = await read(stranger.stdout);
    assert.match(said, /closed/);
    assert.doesNotMatch(said, /EACCES|ENOENT|ECONNREFUSED/);
  }
  chmodSync(folder, 0o700);
}

test('the embedded engine: killed, a process of another user is nobody, and the same workers go on', async () => {
  // A start of an embedded worker is dear: one has the long request, the other one all others.
  await using one = new Masters('embedded', (to) => poolText(to, 'www', `pm.max_children = 2\n${paths}`));
  one.folder.write('www/short.php', waits(15, 'short'));
  one.folder.write('www/long.php', gated(one.folder.join('tmp/gate')));
  const first = await one.start();
  await poll('workers', async () => (await one.pool()).workers.length === 2 || undefined, 30_000);
  const long = ask(one, 'www', 'www/long.php');
  long.catch(() => undefined);
  const params = scriptParams(one.folder.join('www/short.php'));
  const load = startLoad({ clients, address: one.socket(), params, body: 'short' });
  try {
    const earlier = await factsOf(one);
    await one.kill(first);
    assert.equal((await request(one.socket(), scriptParams('/ping'))).body.toString(), 'pong');
    if (isRoot) await askAsStranger(one.hostsFolder());
    const next = await one.start();
    assert.match(next.log.text(), /engine host \d+ of the last master goes on with 2 workers\n/);
    const later = await factsOf(one);
    assertGoesOn(earlier, later);
    assertKept(earlier, later);
    one.folder.write('tmp/gate', '');
    assert.equal(await long, 'long');
    const { counts, samples } = await load.stop();
    assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
    await one.stop(next);
    await assertNothingLeft(one);
  } finally {
    one.folder.write('tmp/gate', '');
    await load.stop();
  }
});

test('killed during its first start, at each step: the next one starts', { skip }, async () => {
  await using masters = new Masters('native', (to) => poolText(to, 'www', text));
  // From before a host is there, over one that does not serve yet, to one whose first worker serves.
  for (const phase of [/fpm is running/, /ready to handle connections/]) {
    const half = masters.launch();
    await half.log.waitFor(phase, 0, 30_000);
    await masters.kill(half);
  }
  const last = await masters.start();
  const script = masters.folder.write('www/a.php', '<?php echo "ok";');
  assert.equal((await request(masters.socket(), scriptParams(script))).body.toString(), 'ok');
  await masters.stop(last);
  await masters.gone(10_000);
});

test('a master that fails by itself leaves its hosts to the next one', { skip }, async () => {
  await using masters = new Masters('native', (to) => poolText(to, 'www', text));
  // An error where nobody catches it, in the master only.
  const fault = masters.folder.write(
    'fault.mjs',
    `if (process.argv.includes('-F')) process.on('SIGWINCH', () => { throw new Error('a fault of the test'); });`,
  );
  const first = await masters.start(30_000, { NODE_OPTIONS: `--import ${fault}` });
  const earlier = await factsOf(masters);
  masters.note(first);
  first.child.kill('SIGWINCH');
  await exited(first.child);
  assert.match(
    first.log.text(),
    /ALERT: the master failed and ends, its hosts serve on: a fault of the test\n/,
  );
  assert.equal(first.child.signalCode, 'SIGABRT');
  assert.equal((await request(masters.socket(), scriptParams('/ping'))).body.toString(), 'pong');
  const second = await masters.start();
  assertKept(earlier, await factsOf(masters));
  await masters.stop(second);
  await masters.gone(5000);
});

test('worker mode, TCP and the slow log go on', { skip }, async () => {
  const port = await freePort();
  await using masters = new Masters('native', (to) => {
    const app = to.write(
      'www/app.php',
      '<?php while (hathi_handle_request(function () { usleep(3000); echo "app"; })) {}',
    );
    const tcp = `listen = 127.0.0.1:${port}\npm = ondemand\npm.max_children = 3\nslowlog = ${to.join('log/slow.log')}`;
    const booted = `pm = dynamic\npm.max_children = 4\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3`;
    return (
      poolText(to, 'www', `${booted}\nworker.script = ${app}`) +
      poolText(to, 'tcp', `${tcp}\nrequest_slowlog_timeout = 1s`)
    );
  });
  const first = await masters.start();
  const tcp = { host: '127.0.0.1', port };
  const script = masters.folder.write('www/other.php', '<?php echo "other";');
  const slow = masters.folder.write('www/slow.php', waits(4000, 'slow'));
  const loads = [
    { address: masters.socket(), params: scriptParams(masters.folder.join('www/app.php')), body: 'app' },
    { address: masters.socket(), params: scriptParams(script), body: 'other' },
    { address: tcp, params: scriptParams(script), body: 'other' },
  ].map((what) => startLoad({ clients: 3, ...what }));
  const long = request(tcp, scriptParams(slow));
  long.catch(() => undefined);
  try {
    await first.log.waitFor(/executing too slow/, 0, 10_000);
    const slowRequests = async () => JSON.parse(await masters.ask('/api/slow?query=1'));
    const logged = await slowRequests();
    assert.equal(logged.requests.length, 1);
    // They are kept once a second.
    const kept = masters.hostsFolder();
    await poll('what is kept of it', () => existsSync(`${kept}/master-slow`) || undefined);
    await masters.kill(first);
    const second = await masters.start();
    assert.deepEqual(await slowRequests(), logged);
    const pool = await masters.pool('tcp');
    const pid = pool.workers.find((worker) => JSON.stringify(worker).includes('slow.php'))?.pid;
    const { frames } = JSON.parse(await masters.ask(`/api/stack?pool=tcp&pid=${pid}`));
    assert.match(JSON.stringify(frames), /slow\.php/, 'the stack of a worker of before');
    assert.equal((await long).body.toString(), 'slow');
    assert.equal((await masters.pool('tcp'))['slowRequests'], 1);
    assert.doesNotMatch(second.log.text(), /slow\.php.*executing too slow/, 'it was logged before');
    await Promise.all(loads.map((load) => load.stop())).then((results) => {
      for (const { counts, samples } of results)
        assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
    });
    await masters.stop(second);
    await masters.gone(5000);
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
  }
});

test('log lines of before the next master are passed on; a pool on demand grows without one', {
  skip,
}, async () => {
  const pool = 'pm = ondemand\npm.max_children = 3\nengine.idle_timeout = 0\ncatch_workers_output = yes';
  await using masters = new Masters('native', (to) => poolText(to, 'www', pool));
  const first = await masters.start();
  const script = masters.folder.write(
    'www/say.php',
    `<?php fwrite(fopen('php://stderr', 'w'), "said\\n"); ${waits(300, 'ok').slice(5)}`,
  );
  const ask = () => request(masters.socket(), scriptParams(script));
  assert.equal((await ask()).body.toString(), 'ok');
  await masters.kill(first);
  const bodies = await Promise.all([ask(), ask(), ask()]);
  assert.deepEqual(
    bodies.map(({ body }) => body.toString()),
    ['ok', 'ok', 'ok'],
  );
  const second = await masters.start();
  await second.log.waitFor(/child \d+ said into stderr: "+said/, 0, 5000);
  await masters.stop(second);
  await masters.gone(5000);
});

for (const engine of ['native', 'embedded'] as const)
  test(`log lines beyond the bound are counted (${engine})`, {
    skip: engine === 'native' && skip,
  }, async () => {
    await using masters = new Masters(engine, (to) => poolText(to, 'www', 'catch_workers_output = yes'));
    const first = await masters.start(60_000);
    const wanted = 300;
    const line = `str_repeat('x', 500) . " end\\n"`;
    const script = masters.folder.write(
      'www/say.php',
      `<?php $to = fopen('php://stderr', 'w'); for ($i = 0; $i < ${wanted}; $i++) fwrite($to, ${line}); echo 'ok';`,
    );
    await masters.kill(first);
    assert.equal((await request(masters.socket(), scriptParams(script), '', 30_000)).body.toString(), 'ok');
    const second = await masters.start(60_000);
    const dropped = /(\d+) further lines were dropped while there was no master/;
    await second.log.waitFor(dropped, 0, 10_000);
    const text = second.log.text();
    const kept = text.split('\n').filter((one) => one.includes('xxx end')).length;
    assert.ok(kept >= 64 && kept < 140, `${kept}`);
    assert.equal(kept + Number(dropped.exec(text)?.[1]), wanted);
    await masters.stop(second);
    await masters.gone(5000);
  });

test('without a next master they finish and go; with survive = 0 they go with it', { skip }, async () => {
  for (const survive of ['survive = 1', 'survive = 0']) {
    await using masters = new Masters('native', (to) => poolText(to, 'www', text), survive);
    const first = await masters.start();
    const script = masters.folder.write('www/long.php', waits(2000, 'long'));
    const long = request(masters.socket(), scriptParams(script)).then(
      ({ body }) => body.toString(),
      () => 'lost',
    );
    await poll('the request', async () => Number((await masters.pool())['active']) > 0 || undefined, 5000);
    await masters.kill(first);
    assert.equal(await long, survive === 'survive = 1' ? 'long' : 'lost');
    await masters.gone(10_000);
    // What is left of them does not keep the next master from starting.
    const second = await masters.start();
    await masters.stop(second);
  }
});

test('planted files and sockets: the pool starts, and nobody is believed', {
  skip,
}, async () => {
  await using masters = new Masters('native', (to) => poolText(to, 'www', text));
  const first = await masters.start();
  await masters.kill(first);
  const folder = masters.hostsFolder();
  const [name = ''] = readdirSync(folder).filter((file) => file.startsWith('host-'));
  const record = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8'));
  signalAll(masters, 'host', 'SIGKILL');
  await masters.gone(5000);
  const plant = (place: string, value: unknown) =>
    writeFileSync(`${folder}/host-${place}.json`, typeof value === 'string' ? value : JSON.stringify(value));
  // Another process by the pid, a socket of a process that is no host, no record at all.
  plant('1111111111111111', { ...record, pid: process.pid });
  plant('2222222222222222', 'not json');
  plant('3333333333333333', { config: { name: 'www' } });
  const child = spawn('sleep', ['60']);
  const ticks = readFileSync(`/proc/${child.pid}/stat`, 'latin1').split(' ')[21];
  plant('4444444444444444', { ...record, pid: child.pid, startTicks: Number(ticks) });
  const server = createServer((socket) => socket.on('error', () => {}).end('nothing')).listen(
    `${folder}/4444444444444444.sock`,
  );
  const second = await masters.start();
  server.close();
  assert.match(second.log.text(), /cannot be reached, it is ended/);
  const script = masters.folder.write('www/a.php', '<?php echo "ok";');
  assert.equal((await request(masters.socket(), scriptParams(script))).body.toString(), 'ok');
  await exited(child);
  await masters.stop(second);
  assert.deepEqual(
    readdirSync(masters.folder.join('runtime')).filter((file) => file.endsWith('.hosts')),
    [],
  );

  // A folder that others may write is not used.
  mkdirSync(folder, { mode: 0o777 });
  chmodSync(folder, 0o777);
  const third = await masters.start();
  assert.match(third.log.text(), /is not a folder of the master's user only: remove it/);
  await masters.stop(third);
});
