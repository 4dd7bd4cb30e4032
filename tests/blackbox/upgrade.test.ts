/** `hathi upgrade`: another version becomes the master of the same hosts, under load; or fails, and nothing changes. */
import assert from 'node:assert/strict';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { suite, test } from 'node:test';
import { reloadCommand } from '../../src/cli/watch/reload.ts';
import { upgradeCommand } from '../../src/cli/watch/upgrade.ts';
import { contractVersion } from '../../src/engine/contract.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { startLoad } from '../harness/load.ts';
import { Masters, type StartedMaster } from '../harness/masters.ts';
import { NotifySocket } from '../harness/notify-socket.ts';
import { otherCheckout } from '../harness/other-checkout.ts';
import { poolText } from '../harness/pool.ts';
import { exited } from '../harness/processes.ts';
import { launcher } from '../harness/program.ts';
import type { EngineName } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

const waits = (ms: number, answer: string): string =>
  `<?php $end = microtime(true) + ${ms / 1000}; while (microtime(true) < $end) usleep(5000); echo '${answer}';`;
const awake = 'pm.status_path = /status\nping.path = /ping';
const asleep = 'pm = ondemand\npm.max_children = 2';
const pools =
  (settings: string) =>
  (to: ConstructorParameters<typeof Masters>[1] extends (to: infer F) => string ? F : never) =>
    `${poolText(to, 'www', settings)}\n${poolText(to, 'rare', asleep)}`;

/** Runs a command of an operator. */
async function command(
  run: typeof upgradeCommand,
  masters: Masters,
  more: readonly string[] = [],
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const env = { HATHI_RUNTIME_DIR: masters.folder.join('runtime') };
  const code = await run(['-y', masters.configFile, ...more], { stdout, stderr, env });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

const upgrade = (masters: Masters, program?: string) =>
  command(upgradeCommand, masters, program === undefined ? [] : ['--program', program]);

/** What must not go back, and who serves. */
async function seen(masters: Masters) {
  const { version, startedAt, state, pools } = JSON.parse(await masters.ask('/api/pools'));
  const pool = pools.find(({ name }: { readonly name: string }) => name === 'www');
  const { accepted, responses } = pool.totals;
  const ended = responses.reduce((sum: number, count: number) => sum + count, 0);
  const pids = pool.workers.map(({ pid }: { readonly pid: number }) => pid);
  return { version, startedAt, state, accepted, ended, poolStartedAt: pool.startedAt, pids };
}

/** Code that a program begins with: `at(PATTERN, SIGNAL)` sends the signal to itself once its log has such a line. */
const faulty = (fault: string): string => `
import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module';
const write = fs.writeSync;
const at = (when, signal) => {
  fs.writeSync = (...args) => { const wrote = write(...args); if (when.test(String(args[1]))) process.kill(process.pid, signal); return wrote; };
  syncBuiltinESMExports();
};
if (process.env.HATHI_HANDOVER || process.argv.includes('-F')) { ${fault} }
`;

/** Starts a master under load, and asserts that no request is lost. */
/** The embedded engine takes a core for seconds to start a worker: with many of them clients would wait for those. */
const loads = {
  native: { workers: 4, clients: 8, global: 'survive = 60' },
  embedded: { workers: 2, clients: 2, global: 'survive = 120' },
} as const;

async function underLoad(
  engine: EngineName,
  env: NodeJS.ProcessEnv,
  act: (masters: Masters, master: StartedMaster) => Promise<void>,
  global?: string,
): Promise<void> {
  const { workers, clients, global: usual } = loads[engine];
  await using masters = new Masters(engine, pools(`${awake}\npm.max_children = ${workers}`), global ?? usual);
  const first = await masters.start(30_000, env);
  const params = scriptParams(masters.folder.write('www/short.php', waits(5, 'short')));
  const gate = masters.folder.join('tmp/gate');
  const waiting = `<?php while (!file_exists('${gate}')) { clearstatcache(); usleep(5000); } echo 'long';`;
  const long = request(
    masters.socket(),
    scriptParams(masters.folder.write('www/long.php', waiting)),
    '',
    100_000,
  );
  long.catch(() => undefined);
  const load = startLoad({ clients, address: masters.socket(), params, body: 'short' });
  try {
    await poll('workers', async () => (await masters.pool()).workers.length === workers || undefined, 60_000);
    await act(masters, first);
    masters.folder.write('tmp/gate', '');
    assert.equal((await long).body.toString(), 'long');
  } finally {
    masters.folder.write('tmp/gate', '');
    const { counts, samples } = await load.stop();
    assert.deepEqual(Object.keys(counts), ['ok'], `${samples.join('\n')}\n${first.log.text()}`);
  }
  await masters.end();
  await masters.gone(10_000);
}

/** A reload, as a signal and as a command, brings what is on disk by then; or is one of the running program. */
async function renewed(masters: Masters, { log }: StartedMaster, pid: number): Promise<void> {
  const about = masters.folder.join('next/package.json');
  const put = (version: string): void =>
    writeFileSync(
      about,
      readFileSync(about, 'utf8').replace(/"version": *"[^"]*"/, `"version":"${version}"`),
    );
  const next = async (version: string): Promise<number> => {
    await poll(
      version,
      async () => (await seen(masters).catch(() => undefined))?.version === version || undefined,
    );
    const now = masters.pidInFile();
    masters.noteRoot(now);
    return now;
  };
  const { startedAt, pids } = await seen(masters);
  put('9.9.10');
  let from = log.mark();
  process.kill(pid, 'SIGUSR2');
  await log.waitFor(/takes over/, from, 20_000);
  await log.waitFor(/Reloading in progress/, from, 20_000);
  const second = await next('9.9.10');
  await poll('the reload', async () => (await seen(masters)).state === 'normal' || undefined);

  put('9.9.11');
  assert.deepEqual(await command(reloadCommand, masters), { code: 0, stdout: '', stderr: '' });
  const third = await next('9.9.11');
  assert.equal(new Set([pid, second, third]).size, 3);
  const after = await seen(masters);
  assert.equal(after.startedAt, startedAt);
  assert.ok(!after.pids.some((one: number) => pids.includes(one)), 'a reload makes other workers');

  // One that cannot run, or ends half-way: the running program reloads.
  const main = 'next/src/cli/main.ts';
  const good = readFileSync(masters.folder.join(main), 'utf8');
  const bad = {
    'exited with code 1': 'nonsense',
    'ended on signal SIGKILL': faulty("at(/goes on with/, 'SIGKILL')"),
  };
  for (const [reason, code] of Object.entries(bad)) {
    masters.folder.write(main, `${code}${good}`);
    from = log.mark();
    assert.deepEqual(await command(reloadCommand, masters), { code: 0, stdout: '', stderr: '' });
    const refused = log.lines.slice(from).filter((line) => /upgrade refused: /.test(line));
    assert.equal(refused.length, 1, log.text());
    assert.match(refused[0] ?? '', new RegExp(reason));
    assert.equal(masters.pidInFile(), third);
  }
  assert.equal((await seen(masters)).version, '9.9.11');
}

const { skip } = nativeBuild();

// Most of the time they wait: two at a time.
suite('hathi upgrade', { concurrency: 2 }, () => {
  testEngines(
    'another version with another Node takes over; no request is lost, nothing begins anew',
    {},
    async (engine) => {
      await using notify = new NotifySocket();
      await underLoad(engine, { NOTIFY_SOCKET: notify.path }, async (masters, first) => {
        // Hosts of an older contract are not adopted: they serve until new ones do.
        const contract = engine === 'embedded' ? contractVersion + 1 : contractVersion;
        const next = otherCheckout(masters.folder.mkdir('next'), '9.9.9', contract);
        const before = await seen(masters);
        masters.note(first);
        const { code, stdout, stderr } = await upgrade(masters, next);
        assert.deepEqual([code, stderr], [0, ''], first.log.text());
        masters.folder.write('tmp/gate', '');
        const pid = masters.pidInFile();
        await first.log.waitFor(
          engine === 'embedded'
            ? /finishes what it runs: it speaks contract version/
            : /goes on with \d workers/,
          0,
          20_000,
        );
        assert.equal(stdout, `Hathi 9.9.9 is the master, pid ${pid}\n`);
        await within(exited(first.child), () => `the end of the old master:\n${first.log.text()}`, 10_000);
        assert.equal(first.child.exitCode, 0);
        masters.noteRoot(pid);
        const after = await seen(masters);
        assert.deepEqual(
          [after.version, after.state, after.startedAt],
          ['9.9.9', 'normal', before.startedAt],
        );
        assert.ok(
          after.accepted >= before.accepted && after.ended >= before.ended,
          JSON.stringify([before, after]),
        );
        assert.match(readlinkSync(`/proc/${pid}/exe`), /next\/node_modules\/node\/bin\/node$/);
        // systemd believes the old process until it has named the new one.
        await notify.says('READY=1', pid);
        assert.ok(notify.lines.some((line) => line === `MAINPID=${pid}`));
        // A pool that slept through it wakes.
        const script = masters.folder.write('www/a.php', '<?php echo "ok";');
        assert.equal(
          (await request(masters.socket('rare'), scriptParams(script), '', 60_000)).body.toString(),
          'ok',
        );
        // It obeys as the first one did.
        if (engine === 'native') return await renewed(masters, first, pid);
        const from = first.log.mark();
        process.kill(pid, 'SIGUSR2');
        await first.log.waitFor(/ready to handle connections/, from, 20_000);
      });
    },
  );

  test('a program that fails late gives everything back, wherever it fails', { skip }, () =>
    underLoad(
      'native',
      { NOTIFY_SOCKET: '/nonexistent' },
      async (masters, first) => {
        const before = await seen(masters);
        const real = launcher();
        const faults = {
          'killed before it asks': `process.kill(process.pid, 'SIGKILL')`,
          'killed when everything is open': `at(/using inherited socket/, 'SIGKILL')`,
          'killed after it has adopted half': `at(/goes on with/, 'SIGKILL')`,
          'stopped after it has adopted half': `at(/goes on with/, 'SIGSTOP')`,
        };
        for (const [name, fault] of Object.entries(faults)) {
          const code = masters.folder.write('fault.mjs', faulty(fault));
          const program = masters.folder.write(
            'program',
            `#!/bin/sh\nexport NODE_OPTIONS="--import ${code}"\nexec ${real} "$@"\n`,
            0o755,
          );
          const result = await upgrade(masters, program);
          assert.equal(result.code, 1, `${name}: ${first.log.text()}`);
          assert.match(result.stderr, /ended on signal SIGKILL|does not serve after 5 seconds/, name);
          assert.equal(masters.pidInFile(), first.pid, name);
          const after = await seen(masters);
          assert.deepEqual([after.state, after.startedAt], ['normal', before.startedAt], name);
          // One more worker may come and go beside those of the pool, for the status page.
          const same = before.pids.filter((pid: number) => after.pids.includes(pid));
          assert.ok(same.length >= 4, `${name}: ${JSON.stringify([before.pids, after.pids])}`);
          assert.ok(after.accepted >= before.accepted && after.ended >= before.ended, name);
        }
        // What is wrong with the files is told before anything is taken.
        const good = readFileSync(masters.configFile, 'utf8');
        masters.folder.write('server.conf', `${good}\nnonsense = 1\n`);
        const refused = await upgrade(masters, real);
        assert.equal(refused.code, 1);
        assert.match(refused.stderr, /the new program cannot start: .*nonsense/s);
        masters.folder.write('server.conf', good);
        const script = masters.folder.write('www/a.php', '<?php echo "ok";');
        assert.equal(
          (await request(masters.socket('rare'), scriptParams(script), '', 60_000)).body.toString(),
          'ok',
        );
      },
      'survive = 10',
    ),
  );

  test('a master in the background: its own program again; what is asked for meanwhile is refused or passed on', {
    skip,
  }, async () => {
    await using masters = new Masters('native', pools(`${awake}\npm.max_children = 4`));
    const command = masters.launch({}, ['-D']);
    await exited(command.child);
    // On a busy machine the command may have given up waiting for it.
    await poll(
      'the master',
      async () => (await seen(masters).catch(() => undefined))?.state === 'normal' || undefined,
      60_000,
    );
    const first = masters.pidInFile();
    masters.noteRoot(first);
    const before = await seen(masters);
    const log = masters.folder.join('log/error.log');
    const logged = (pattern: RegExp): Promise<true> =>
      poll(String(pattern), () => pattern.test(readFileSync(log, 'utf8')) || undefined, 30_000);
    const result = upgrade(masters);
    await logged(/upgrade: starting the program on disk/);
    const second = await upgrade(masters);
    assert.deepEqual(
      [second.code, /another upgrade is under way/.test(second.stderr)],
      [1, true],
      second.stderr,
    );
    assert.match(await masters.ask('/api/reload?wait=1', 'POST'), /refused.*an upgrade is under way/);
    process.kill(first, 'SIGHUP');
    const { code, stderr } = await result;
    assert.deepEqual([code, stderr], [0, '']);
    const next = masters.pidInFile();
    masters.noteRoot(next);
    assert.notEqual(next, first);
    // The signal was for whoever is the master: its reload comes after the upgrade.
    await logged(/takes over.*reloading: reading.*ready to handle connections/s);
    const after = await seen(masters);
    assert.equal(after.startedAt, before.startedAt);
    assert.ok(after.accepted >= before.accepted);
    await masters.end();
    await masters.gone(10_000);
  });
});
