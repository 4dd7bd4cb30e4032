/** Hosts of both engines that their own user has stopped: SIGSTOP needs no right but that of the pool's user. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { descendants, exited, isAlive, type ProcessId, signalProcess } from '../harness/processes.ts';
import { titleOf } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';
import { startTestMaster, type TestMaster } from './hostile-support.ts';

/** A native host, by the title that it gives itself. */
const isHost = ({ pid }: ProcessId): boolean => titleOf(pid).startsWith('php-fpm: host for ');

const build = nativeBuild();
const pools = build.skip === false ? ['embedded', 'native'] : ['embedded'];

suite('a host that is stopped', () => {
  let master: TestMaster;
  let hello: string;
  const socket = (pool: string): string => master.folder.join(`run/${pool}.sock`);
  const ask = (path: string): ReturnType<typeof askAdmin> =>
    askAdmin({ socketPath: master.folder.join('run/admin.sock'), path });
  /** The log's lines about a pool. */
  const said = (pool: string, what: RegExp, from = 0): number =>
    master.log.lines.slice(from).filter((line) => line.includes(`[pool ${pool}]`) && what.test(line)).length;
  const answers = (pool: string): Promise<true> =>
    poll(
      `an answer of ${pool}`,
      () =>
        request(socket(pool), scriptParams(hello), '', 2000).then(
          () => true as const,
          () => undefined,
        ),
      60_000,
    );
  /** The one host of a pool. Its pid is in the log when it is given up; here it is the one that was started last. */
  const hostOf = async (pool: string): Promise<ProcessId> => {
    const { body } = await ask('/api/pools');
    const { workers } = JSON.parse(body).pools.find(({ name }: { name: string }) => name === pool);
    const below = descendants(master.pid);
    const hosts = below.filter(({ parent }) => parent === master.pid);
    const found =
      pool === 'native'
        ? below.find(({ pid }) => below.some((one) => one.parent === pid && one.pid === workers[0].pid))
        : hosts.find(({ pid }) => existsSync(`/proc/${pid}/task/${workers[0].pid}`));
    assert.ok(found !== undefined, `the host of ${pool}`);
    return found;
  };

  before(async () => {
    master = startTestMaster({
      config: (folder) =>
        `[global]\nadmin.listen = ${folder.join('run/admin.sock')}\n${pools
          .map((name) =>
            poolText(
              folder,
              name,
              `engine = ${name}\n${name === 'native' ? 'pm.max_children = 2\nrequest_terminate_timeout = 20s' : ''}`,
            ),
          )
          .join('\n')}`,
      programs: () => ({}),
      env: { HATHI_ENGINE_DIR: build.folder },
    });
    hello = master.folder.write('www/hello.php', '<?php echo "hello";');
    await master.log.waitFor(/ready to handle connections/, 0, 60_000);
  });
  after(() => master[Symbol.asyncDispose]());

  for (const pool of pools) {
    test(`is replaced, told once, and not ready meanwhile (${pool})`, async () => {
      const marks = master.folder.mkdir(`marks-${pool}`, 0o777);
      const hold = master.folder.write(
        'www/hold.php',
        `<?php touch($_GET['d'] . '/runs'); while (!file_exists($_GET['d'] . '/go')) { usleep(5000); clearstatcache(); } echo 'held';`,
      );
      const held = request(socket(pool), scriptParams(hold, { QUERY_STRING: `d=${marks}` }), '', 60_000);
      held.catch(() => {});
      await poll('the request', () => existsSync(`${marks}/runs`) || undefined);
      const host = await hostOf(pool);
      const from = master.log.mark();
      signalProcess(host, 'SIGSTOP');
      const unready = await poll(
        'not ready',
        async () => {
          const { status, body } = await ask(`/readyz?pool=${pool}`);
          return status === 503 ? body : undefined;
        },
        30_000,
      );
      assert.match(unready, new RegExp(`^pool ${pool}: (silent|starting)`));
      await master.log.waitFor(
        new RegExp(`ALERT: .*pool ${pool}.* has not answered for 4 seconds`),
        from,
        60_000,
      );
      await poll('the end of the host', () => !isAlive(host) || undefined);
      master.folder.write(`marks-${pool}/go`, '');
      // A native worker has finished what it ran; threads went with their process.
      if (pool === 'native') assert.equal((await held).body.toString(), 'held');
      else await held.catch(() => {});
      await answers(pool);
      await poll('ready', async () => (await ask('/readyz')).status === 200 || undefined, 30_000);
      assert.equal(said(pool, /ALERT/, from), 1);
      const shown = JSON.parse((await ask('/api/pools')).body).pools.find(
        ({ name }: { name: string }) => name === pool,
      );
      assert.deepEqual([shown.state, shown.totals.faults], ['serving', 1]);
    });
  }

  test('QUIT ends a master with stopped hosts', async () => {
    const hosts = await Promise.all(pools.map(hostOf));
    const below = descendants(master.pid);
    for (const host of hosts) signalProcess(host, 'SIGSTOP');
    master.child.kill('SIGQUIT');
    await within(exited(master.child), () => `the end; ${master.log.text()}`, 60_000);
    assert.equal(master.child.exitCode, 0);
    await poll('the end of all', () => below.every((id) => !isAlive(id)) || undefined);
  });
});

test('a worker that its host does not end is ended by the master; TERM ends what is left', {
  skip: build.skip,
}, async () => {
  await using master = startTestMaster({
    config: (folder) => poolText(folder, 'www', 'engine = native\nrequest_terminate_timeout = 1s'),
    programs: () => ({}),
    env: { HATHI_ENGINE_DIR: build.folder },
  });
  await master.log.waitFor(/ready to handle connections/, 0, 60_000);
  const loop = master.folder.write('www/loop.php', '<?php while (true) {}');
  // Its worker has been told to accept.
  const hello = master.folder.write('www/hello.php', '<?php echo "hello";');
  await request(master.folder.join('run/www.sock'), scriptParams(hello));
  const [host] = descendants(master.pid).filter(isHost);
  assert.ok(host !== undefined);
  signalProcess(host, 'SIGSTOP');
  const lost = request(master.folder.join('run/www.sock'), scriptParams(loop)).then(
    () => 'answered',
    () => 'lost',
  );
  await master.log.waitFor(/child \d+ has not ended within 1.5 seconds: it is killed/, 0, 60_000);
  assert.equal(await lost, 'lost');
  assert.equal(master.log.lines.filter((line) => /execution timed out/.test(line)).length, 1, 'said once');
  const below = descendants(master.pid);
  for (const id of below.filter(isHost)) signalProcess(id, 'SIGSTOP');
  master.child.kill('SIGTERM');
  await within(exited(master.child), () => `the end; ${master.log.text()}`, 30_000);
  assert.equal(master.child.exitCode, 0);
  await poll('the end of all', () => below.every((id) => !isAlive(id)) || undefined);
});

test('an idle worker that is stopped is replaced; one that has a request, is held by a debugger or goes on is not', {
  skip: build.skip,
}, async () => {
  await using master = startTestMaster({
    config: (folder) =>
      ['all', 'some', 'traced']
        .map((name) => poolText(folder, name, `engine = native\npm.max_children = 2`))
        .join('\n'),
    programs: () => ({}),
    env: { HATHI_ENGINE_DIR: build.folder },
  });
  await master.log.waitFor(/ready to handle connections/, 0, 60_000);
  const socket = (pool: string): string => master.folder.join(`run/${pool}.sock`);
  const script = scriptParams(master.folder.write('www/pid.php', '<?php echo getmypid();'));
  const ask = async (pool: string): Promise<number> =>
    Number((await request(socket(pool), script, '', 30_000)).body);
  const workersOf = (pool: string): ProcessId[] =>
    descendants(master.pid).filter(({ pid }) => titleOf(pid).startsWith(`php-fpm: pool ${pool}`));
  const killed = (pid: number): RegExp =>
    new RegExp(
      `WARNING: \\[pool \\w+\\] child ${pid} is idle and has been stopped by a signal for 1.5 seconds`,
    );

  // A debugger's stop is none of the kind, nor is one that is over.
  const traced = workersOf('traced');
  const [held, goesOn] = traced;
  assert.ok(held !== undefined && goesOn !== undefined);
  const tracer = spawn('python3', ['-c', trace, String(held.pid)], { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(tracer.stdout, 'data');
  signalProcess(goesOn, 'SIGSTOP');
  signalProcess(goesOn, 'SIGCONT');

  const marks = master.folder.mkdir('marks', 0o777);
  const hold = master.folder.write(
    'www/hold.php',
    `<?php touch('${marks}/runs'); while (!file_exists('${marks}/go')) { usleep(5000); clearstatcache(); } echo getmypid();`,
  );
  const busy = request(socket('some'), scriptParams(hold), '', 60_000);
  await poll('the request', () => existsSync(`${marks}/runs`) || undefined);
  const before = [...workersOf('all'), ...workersOf('some')];
  assert.equal(before.length, 4);
  for (const id of before) signalProcess(id, 'SIGSTOP');

  // With every worker stopped, the client is served by a successor.
  const successor = await ask('all');
  assert.ok(before.every(({ pid }) => pid !== successor));
  for (const { pid } of before.slice(0, 2)) await master.log.waitFor(killed(pid), 0, 30_000);
  const next = await ask('some');
  assert.ok(before.every(({ pid }) => pid !== next));
  const left = before.filter(isAlive);
  assert.equal(left.length, 1, 'the one with a request');
  signalProcess(left[0]!, 'SIGCONT');
  writeFileSync(`${marks}/go`, '');
  assert.equal(Number((await busy).body), left[0]!.pid);

  assert.ok([held, goesOn].every(isAlive));
  assert.equal(master.log.lines.filter((line) => /has been stopped by a signal/.test(line)).length, 3);
  tracer.stdin.end();
  await exited(tracer);
  assert.ok((await ask('traced')) > 0);
  assert.ok([held, goesOn].every(isAlive));
});

/** Attaches to a process, so that it stops, says so, and lets it go at the end of its input: ptrace(2). */
const trace = `
import ctypes, os, sys
libc, pid = ctypes.CDLL(None, use_errno=True), int(sys.argv[1])
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
if libc.ptrace(16, pid, None, None) != 0: sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(pid, 0)
print('attached', flush=True)
sys.stdin.read()
libc.ptrace(17, pid, None, None)
`;
