/**
 * Pools whose hosts lie, flood, are silent, do not read or die at each step of the contract, all below one master: each
 * is its own pool's incident, and the pool beside them loses no request.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { slowHello } from '../blackbox/hello.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { checkout, type TestFolder } from '../harness/folder.ts';
import { startLoad } from '../harness/load.ts';
import { poolText } from '../harness/pool.ts';
import { descendants, exited, isAlive } from '../harness/processes.ts';
import { engineEnv } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { hostileLines } from './hostile-lines.ts';
import { startTestMaster, type TestMaster } from './hostile-support.ts';

/** A host's behaviour at a step of hostile-host.sh, and the log's lines about its pool. */
interface Case {
  readonly step: string;
  readonly action: string;
  readonly says: RegExp;
  readonly lines?: string;
}

const dies = /ERROR: .*(the engine host \d+ exited with code 3|cannot start: )/;
const lies = /ALERT: .*\] the (host|peer) sent /;
const silent = /ALERT: .*\] the engine host \d+ has not answered for 4 seconds/;
/** On the scoreboard worker 0 has a request that runs since the machine was started. */
const runsForLong = `printf '\\0\\0\\0\\0\\4\\0\\0\\0\\1\\0\\0\\0' | dd of=/dev/fd/4 bs=4096 seek=1 conv=notrunc 2>/dev/null`;
const timeLimit = 'request_terminate_timeout = 1s';
const ondemand = 'pm = ondemand\npm.max_children = 2\nlisten.backlog = 5';

const written: Readonly<Record<string, Case>> = {
  // Deaths.
  ...Object.fromEntries(
    ['begin', 'start', 'ready', 'up', 'accept', 'alive'].map((step) => [
      `dies-at-${step}`,
      { step, action: 'exit 3', says: dies },
    ]),
  ),
  // It was to go anyway.
  'dies-at-drain': { step: 'drain', action: 'exit 3', says: /child 770 exited with the engine host/ },
  'dies-in-a-line': { step: 'up', action: `say 'ended 0'; exit 3`, says: dies },
  'dies-in-a-payload': { step: 'up', action: `say 'log notice #1000\\nx'; exit 3`, says: dies },
  'is-killed': { step: 'accept', action: 'kill -KILL $$', says: /ERROR: .*exited on signal SIGKILL/ },
  // Its messages count for a while after its exit: about as long as it may be silent here.
  'leaves-a-process-behind': {
    step: 'up',
    action: `yes 'flush 0 770' >&3 & exit 3`,
    says: new RegExp(`${dies.source}|${silent.source}`),
  },
  // Silence.
  'is-stopped': { step: 'accept', action: 'kill -STOP $$', says: silent },
  'does-not-answer': { step: 'alive', action: ':', says: silent },
  'does-not-read': { step: 'accept', action: 'exec sleep 1000', says: silent },
  'closes-its-channel': { step: 'accept', action: 'exec 3>&-; exec sleep 1000', says: silent },
  'stalls-in-a-payload': {
    step: 'up',
    action: `say 'log notice #1000000\\nx'; exec sleep 1000`,
    says: silent,
  },
  'does-not-end-its-worker': {
    step: 'accept',
    action: `${runsForLong}; step=end; action=:`,
    lines: timeLimit,
    says: /ALERT: .*\] the engine host \d+ does not end child 770/,
  },
  // Floods.
  'asks-without-reading': {
    step: 'accept',
    action: `n=0; while :; do n=$((n + 1)); say 'status %d #0\\n' $n; done`,
    says: /ALERT: .*more than 1 questions for its status page/,
  },
  'floods-with-waiting': { step: 'ready', action: 'yes waiting >&3', lines: ondemand, says: lies },
  'floods-with-ready': { step: 'up', action: `while :; do say 'ready #0\\n'; done`, says: lies },
  'floods-with-flushes': { step: 'accept', action: `yes 'flush 0 770' >&3`, says: silent },
  'sends-noise': { step: 'up', action: 'head -c 100000 /dev/urandom >&3; exec sleep 1000', says: lies },
  'sends-an-endless-line': { step: 'up', action: `yes x | tr -d '\\n' >&3`, says: lies },
  // Lies that have the form of the contract.
  'is-up-twice': {
    step: 'up',
    action: `say 'up 0 770\\n'`,
    says: /ALERT: .*said twice that child 770 is up/,
  },
  'has-two-pids': {
    step: 'up',
    action: `say 'output 0 12 stderr #0\\n'`,
    says: /ALERT: .*slot 0 770 and 12$/,
  },
  'stops-unasked': { step: 'up', action: `say 'stopped\\n'`, says: lies },
  'drains-unasked': { step: 'ready', action: `say 'drained\\n'`, says: lies },
  'fails-late': { step: 'accept', action: `say 'failed #0\\n'`, says: lies },
  'answers-unasked': { step: 'accept', action: `say 'alive 7\\n'`, says: lies },
  'offers-no-memory-twice': {
    step: 'up',
    action: `say 'no-memory 0 770 #0\\n'`,
    says: /ALERT: .*offers the memory of child 770 again/,
  },
};

/** Each message of the table, damaged in one of the ways. */
const damaged = [...new Map(hostileLines().map((line) => [line.verb, line])).values()].map(
  ({ verb, line }): [string, Case] => {
    // A payload that is announced is left out: the line is refused before.
    const text = line.replaceAll('%', '%%').replaceAll("'", '');
    return [`damages-${verb}`, { step: 'up', action: `say '${text}\\n'`, says: lies }];
  },
);

const cases: readonly (readonly [name: string, what: Case])[] = [...Object.entries(written), ...damaged];

const broken: readonly [name: string, what: Case] = [
  'broken',
  { step: 'none', action: ':', says: /ALERT: .*\] fault while counting its workers: broken on purpose/ },
];

function startMaster(pools: readonly (readonly [name: string, what: Case])[]): TestMaster {
  const texts = (folder: TestFolder): string[] =>
    pools.map(([name, { lines = '' }]) => poolText(folder, name, `engine = embedded\n${lines}`));
  return startTestMaster({
    env: engineEnv('native'),
    config: (folder) => {
      const good = poolText(folder, 'good', 'engine = native\npm.max_children = 2');
      return `[global]\nlog_level = debug\n${good}\n${texts(folder).join('\n')}`;
    },
    programs: (folder) => {
      const text = readFileSync(join(checkout, 'tests/master/hostile-host.sh'));
      const host = folder.write('host.sh', text, 0o755);
      return Object.fromEntries(
        pools.map(([name, { step, action }]) => [name, ['/bin/sh', host, step, action]]),
      );
    },
  });
}

const goodSocket = ({ folder }: TestMaster): string => folder.join('run/good.sock');

async function answers(master: TestMaster, script: string): Promise<void> {
  await poll(
    'the good pool',
    () =>
      request(goodSocket(master), scriptParams(script)).then(
        () => true as const,
        () => undefined,
      ),
    30_000,
  );
}

/** Resident memory of the master, MiB. */
function memoryOf({ pid }: TestMaster): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** Waits until every host has done what it does, at a start and at a reload. */
async function provoke({ log, child, folder }: TestMaster): Promise<void> {
  await log.waitFor(/ready to handle connections/, 0, 60_000);
  // A pool that nobody wants anything of has no host.
  connect(folder.join('run/floods-with-waiting.sock')).on('error', () => {});
  const from = log.mark();
  child.kill('SIGUSR2');
  await log.waitFor(/ready to handle connections/, from, 60_000);
  const reload = log.lines.slice(from);
  assert.ok(
    reload.some((line) => /\[pool good\] child \d+ started/.test(line)),
    'a pool that fails meanwhile does not end the reload of the others',
  );
  child.kill('SIGUSR1');
  child.kill('SIGWINCH');
  for (const [name, { says }] of [...cases, broken]) {
    const ofPool = (): string[] => log.lines.filter((line) => line.includes(`[pool ${name}]`));
    await poll(
      `what the log says of ${name}`,
      () => ofPool().some((line) => says.test(line)) || undefined,
      60_000,
    ).catch((error: Error) => {
      throw new Error(`${error.message}:\n${ofPool().join('\n')}`);
    });
  }
}

const { skip } = nativeBuild();

test('whatever a host does is the loss of its own pool', { skip }, async () => {
  await using master = startMaster([...cases, broken]);
  const script = master.folder.write('www/hello.php', '<?php echo "hello";');
  await answers(master, script);
  const load = startLoad({
    clients: 2,
    address: goodSocket(master),
    params: scriptParams(master.folder.write('www/load.php', slowHello)),
    body: 'hello',
  });
  try {
    await provoke(master);
  } finally {
    const { counts, samples } = await load.stop();
    assert.deepEqual(Object.keys(counts), ['ok'], samples.join('\n'));
  }
  assert.ok(memoryOf(master) < 400, `${memoryOf(master)} MiB`);
  const below = descendants(master.pid);
  master.child.kill('SIGTERM');
  await within(exited(master.child), () => `the end; ${master.log.text().slice(-5000)}`, 30_000);
  assert.equal(master.child.exitCode, 0);
  await poll('the end of all hosts', () => below.every((id) => !isAlive(id)) || undefined);
});

test('a fault of what belongs to all ends the master when its hosts have finished what they run', {
  skip,
}, async () => {
  await using master = startMaster([
    ['silent', { step: 'begin', action: 'exec sleep 1000', says: /./ }],
    ['stopped', { step: 'accept', action: 'kill -STOP $$', says: /./ }],
  ]);
  const script = master.folder.write(
    'www/hold.php',
    `<?php touch($_GET['d'] . '/runs'); while (!file_exists($_GET['d'] . '/go')) { usleep(5000); clearstatcache(); } echo 'held';`,
  );
  const hello = master.folder.write('www/hello.php', '<?php echo "hello";');
  await answers(master, hello);
  const marks = master.folder.mkdir('marks', 0o777);
  const held = request(goodSocket(master), scriptParams(script, { QUERY_STRING: `d=${marks}` }));
  // Awaited below.
  held.catch(() => {});
  await poll('the request', () => {
    try {
      return readFileSync(join(marks, 'runs')) && true;
    } catch {
      return undefined;
    }
  });
  master.child.kill('SIGURG');
  await master.log.waitFor(
    /ALERT: .*the master failed and ends, its hosts finish .*: all is broken on purpose/,
  );
  await master.log.waitFor(/ALERT: .*at .*hostile-master/);
  master.folder.write('marks/go', '');
  const { body } = await held.catch((error: Error) => {
    throw new Error(`${error.message}; ${master.log.text().slice(-5000)}`);
  });
  assert.equal(body.toString(), 'held');
  await within(exited(master.child), () => `the end; ${master.log.text().slice(-5000)}`, 30_000);
  assert.equal(master.child.signalCode, 'SIGABRT');
});
