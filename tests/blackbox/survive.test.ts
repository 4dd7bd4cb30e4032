/**
 * The master is killed and nobody notices: its hosts serve on, and the next master takes them over with their workers,
 * socket and counters. 8 clients ask all the time, and a request of several seconds is under way.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { text as read } from 'node:stream/consumers';
import { test } from 'node:test';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { startLoad } from '../harness/load.ts';
import { Masters, type StartedMaster } from '../harness/masters.ts';
import { poolText } from '../harness/pool.ts';
import { exited, isAlive, signalProcess } from '../harness/processes.ts';
import { type EngineName, titleOf } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { freePort } from '../harness/web-server.ts';
import { nativeBuild } from '../native/built-engine.ts';

const clients = 8;
const waits = (ms: number, answer: string): string =>
  `<?php $end = microtime(true) + ${ms / 1000}; while (microtime(true) < $end) usleep(5000); echo '${answer}';`;
const paths = 'pm.status_path = /status\nping.path = /ping';
const text = `pm.max_children = 4\n${paths}`;
/** A start of an embedded worker is dear: one has the request of several seconds, the other one all others. */
const fewer = `pm.max_children = 2\n${paths}`;

interface Counts {
  readonly accepted: number;
  readonly responses: readonly number[];
}

/** What must not go back, and who serves. */
async function seen(masters: Masters) {
  const pool = await masters.pool();
  const { accepted, responses } = pool['totals'] as Counts;
  const ended = responses.reduce((sum, count) => sum + count, 0);
  return { accepted, ended, startedAt: pool['startedAt'], pids: pool.workers.map(({ pid }) => pid) };
}

/** Starts a pool under load, does something to it, and asserts that no request was lost. */
async function underLoad(
  engine: EngineName,
  act: (masters: Masters, master: StartedMaster) => Promise<StartedMaster>,
  pool = text,
): Promise<void> {
  await using masters = new Masters(engine, (to) => poolText(to, 'www', pool));
  const first = await masters.start();
  const script = masters.folder.write('www/short.php', waits(15, 'short'));
  const long = request(
    masters.socket(),
    scriptParams(masters.folder.write('www/long.php', waits(3000, 'long'))),
  );
  long.catch(() => undefined);
  const params = scriptParams(script);
  const load = startLoad({ clients, address: masters.socket(), params, body: 'short' });
  let last: StartedMaster;
  try {
    const workers = Number(/max_children = (\d)/.exec(pool)?.[1]);
    await poll('workers', async () => (await masters.pool()).workers.length === workers || undefined, 20_000);
    last = await act(masters, first);
    assert.equal((await long).body.toString(), 'long');
  } finally {
    const { counts, samples } = await load.stop();
    assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
  }
  await masters.stop(last);
  await masters.gone(5000);
  const left = readdirSync(masters.folder.join('runtime'), { recursive: true }).filter(
    (name) => !/\.configurations(\/|$)/.test(`${name}`),
  );
  assert.deepEqual(left, [], 'files of hosts that are gone');
}

testEngines(
  'killed, and again: the same workers go on, no request is lost, no counter goes back',
  {},
  (engine) =>
    underLoad(
      engine,
      async (masters, first) => {
        let master = first;
        for (let round = 0; round < (engine === 'native' ? 2 : 1); round += 1) {
          const before = await seen(masters);
          await masters.kill(master);
          const status = await request(masters.socket(), scriptParams('/status'));
          assert.deepEqual(
            [status.status, /master of this pool is gone/.test(status.body.toString())],
            [503, true],
          );
          assert.equal((await request(masters.socket(), scriptParams('/ping'))).body.toString(), 'pong');
          master = await masters.start();
          assert.match(
            master.log.text(),
            new RegExp(`engine host \\d+ of the last master goes on with ${before.pids.length} workers\n`),
          );
          const after = await seen(masters);
          assert.deepEqual([after.pids, after.startedAt], [before.pids, before.startedAt]);
          assert.ok(
            after.accepted >= before.accepted && after.ended >= before.ended,
            JSON.stringify([before, after]),
          );
          assert.equal((await request(masters.socket(), scriptParams('/status'))).status, 200);
        }
        return master;
      },
      engine === 'native' ? text : fewer,
    ),
);

const { skip } = nativeBuild();

test('other settings are a reload of what the last master left', { skip }, () =>
  underLoad('native', async (masters, first) => {
    const before = await seen(masters);
    await masters.kill(first);
    masters.configure((to) => poolText(to, 'www', `${text}\nenv[A] = b`));
    const second = await masters.start();
    await second.log.waitFor(/until one with the new settings serves/, 0, 10_000);
    await poll(
      'the new generation',
      async () => !(await seen(masters)).pids.some((pid) => before.pids.includes(pid)) || undefined,
      20_000,
    );
    const after = await seen(masters);
    assert.ok(
      after.accepted >= before.accepted && after.ended >= before.ended,
      JSON.stringify([before, after]),
    );
    return second;
  }),
);

test(
  'killed while a new generation is on trial: the old one goes on, and the trial begins again',
  { skip },
  () =>
    underLoad('native', async (masters, first) => {
      const before = await seen(masters);
      masters.configure((to) =>
        poolText(to, 'www', `${text}\nenv[A] = b\nreload.canary = 50%\nreload.canary_time = 600s`),
      );
      first.child.kill('SIGUSR2');
      await first.log.waitFor(/takes 50 % of connections on trial/, 0, 10_000);
      await masters.kill(first);
      const second = await masters.start();
      await second.log.waitFor(/takes 50 % of connections on trial/, 0, 10_000);
      const after = await seen(masters);
      assert.ok(
        before.pids.every((pid) => after.pids.includes(pid)),
        'the old generation serves on',
      );
      assert.ok(after.accepted >= before.accepted && after.ended >= before.ended);
      return second;
    }),
);

test('killed in the middle of a reload: the old generation goes on, or the new one', { skip }, () =>
  underLoad('native', async (masters, first) => {
    const before = await seen(masters);
    let master = first;
    // From before the new host is there to after it has taken over.
    for (const phase of [/reloading: reading/, /fpm is running/, /ready to handle connections/]) {
      const from = master.log.mark();
      master.child.kill('SIGUSR2');
      await master.log.waitFor(phase, from, 10_000);
      await masters.kill(master);
      master = await masters.start();
    }
    const after = await seen(masters);
    assert.ok(
      after.accepted >= before.accepted && after.ended >= before.ended,
      JSON.stringify([before, after]),
    );
    return master;
  }),
);

test('killed while it adopts: the next one adopts', { skip }, () =>
  underLoad('native', async (masters, first) => {
    const before = await seen(masters);
    await masters.kill(first);
    for (const phase of [/using inherited socket/, /goes on with/]) {
      const half = masters.launch();
      await half.log.waitFor(phase, 0, 10_000);
      await masters.kill(half);
    }
    const last = await masters.start();
    assert.deepEqual((await seen(masters)).pids, before.pids);
    return last;
  }),
);

test('two masters race: one has the hosts, the other says who', { skip }, () =>
  underLoad('native', async (masters, first) => {
    const before = await seen(masters);
    await masters.kill(first);
    const two = [masters.launch(), masters.launch()];
    const lost = await Promise.race(two.map((one) => exited(one.child).then(() => one)));
    const won = two.find((one) => one !== lost);
    assert.ok(won !== undefined);
    await won.log.waitFor(/ready to handle connections/, 0, 10_000);
    assert.match(lost.log.text(), new RegExp(`another master, pid ${won.pid}, has '`));
    assert.match(lost.log.text(), /FPM initialization failed/);
    assert.deepEqual((await seen(masters)).pids, before.pids);
    return won;
  }),
);

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

const isRoot = process.getuid?.() === 0;

testEngines(
  'a process of another user at the socket of a host without a master is nobody, and the next master is heard',
  { skip: isRoot ? false : 'needs root' },
  async (engine) => {
    await using masters = new Masters(engine, (to) =>
      poolText(to, 'www', engine === 'native' ? text : paths),
    );
    const first = await masters.start();
    const before = await seen(masters);
    const folder = masters.hostsFolder();
    await masters.kill(first);
    const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.sock'));
    // Nobody else can come so far, unless an administrator opens the folder.
    chmodSync(folder, 0o711);
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
    chmodSync(folder, 0o700);
    const second = await masters.start();
    const after = await seen(masters);
    assert.ok(
      before.pids.every((pid) => after.pids.includes(pid)),
      JSON.stringify([before.pids, after.pids]),
    );
    await masters.stop(second);
    await masters.gone(10_000);
  },
);

test(
  'workers that end without a master are replaced in their slots, and what they answered counts',
  { skip },
  () =>
    underLoad(
      'native',
      async (masters, first) => {
        const before = await seen(masters);
        const below = await masters.kill(first);
        const workers = below.filter(({ pid }) => before.pids.includes(pid));
        await poll('other workers', () => workers.filter(isAlive).length < 2 || undefined, 10_000);
        const second = await masters.start();
        const after = await seen(masters);
        await poll('all workers', async () => (await seen(masters)).pids.length === 4 || undefined, 5000);
        assert.ok(
          after.accepted >= before.accepted && after.ended >= before.ended,
          JSON.stringify([before, after]),
        );
        assert.ok(after.ended >= after.accepted - 8, `${after.ended} answers to ${after.accepted} requests`);
        return second;
      },
      `${text}\npm.max_requests = 40`,
    ),
);

test('a master that fails by itself leaves its hosts to the next one', { skip }, async () => {
  await using masters = new Masters('native', (to) => poolText(to, 'www', text));
  // An error where nobody catches it, in the master only.
  const fault = masters.folder.write(
    'fault.mjs',
    `if (process.argv.includes('-F')) process.on('SIGWINCH', () => { throw new Error('a fault of the test'); });`,
  );
  const first = await masters.start(30_000, { NODE_OPTIONS: `--import ${fault}` });
  const before = await seen(masters);
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
  assert.deepEqual((await seen(masters)).pids, before.pids);
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
    await masters.kill(first);
    const second = await masters.start();
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

test('a host that died meanwhile, planted files and sockets: the pool starts, and nobody is believed', {
  skip,
}, async () => {
  await using masters = new Masters('native', (to) => poolText(to, 'www', text));
  const first = await masters.start();
  const below = await masters.kill(first);
  const folder = masters.hostsFolder();
  const [name = ''] = readdirSync(folder).filter((file) => file.startsWith('host-'));
  const record = JSON.parse(readFileSync(`${folder}/${name}`, 'utf8'));
  for (const id of below.filter(({ pid }) => titleOf(pid).startsWith('php-fpm: host')))
    signalProcess(id, 'SIGKILL');
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
