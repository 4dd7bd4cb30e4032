/**
 * The master is killed, and the next one is of a version that does not speak the contract of its hosts: they finish what
 * they run beside new hosts, and what they count goes on.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { after, before, suite, test } from 'node:test';
import { contractVersion } from '../../src/engine/contract.ts';
import { assertEachOnce, assertGoesOn, assertKept, factsOf } from '../faults/invariants.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { startLoad } from '../harness/load.ts';
import { Masters, type StartedMaster } from '../harness/masters.ts';
import { otherCheckout } from '../harness/other-checkout.ts';
import { poolText } from '../harness/pool.ts';
import { exited, isAlive } from '../harness/processes.ts';
import { cleanEnv, type EngineName, serverCommand } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild, testedConfig } from '../native/built-engine.ts';

const waits = (ms: number, answer: string): string =>
  `<?php $end = microtime(true) + ${ms / 1000}; while (microtime(true) < $end) usleep(5000); echo '${answer}';`;

const finishes = /engine host \d+ of the last master finishes what it runs: it speaks contract version/;

/** An embedded worker takes a core for seconds to start. */
const sizes = { native: { workers: 4, clients: 16 }, embedded: { workers: 2, clients: 16 } } as const;

suite('hosts of an older contract', () => {
  let folder: TestFolder;
  let older: string;
  const engines = () => folder.join('engines');

  before(() => {
    folder = new TestFolder();
    older = otherCheckout(folder.mkdir('older'), '0.0.1', contractVersion - 1);
    if (nativeBuild().skip !== false) return;
    const config = testedConfig();
    const flags = config === undefined ? [] : [`--php-config=${config}`];
    const env = cleanEnv({ HATHI_ENGINE_DIR: engines() });
    execFileSync(older, ['build', ...flags], { env, stdio: 'pipe' });
  });
  after(() => folder?.[Symbol.dispose]());

  testEngines('killed: they finish beside new ones, and nothing is lost', {}, async (engine) => {
    const { workers, clients } = sizes[engine];
    await using masters = new Masters(engine, (to) =>
      poolText(to, 'www', `pm.max_children = ${workers}\npm.status_path = /status`),
    );
    const first = await startOlder(masters, engine);
    await poll('workers', async () => (await masters.pool()).workers.length >= workers || undefined, 60_000);
    const params = write(masters, 'short', waits(10, 'short'));
    const load = startLoad({ clients, address: masters.socket(), params, body: 'short' });
    const gate = masters.folder.join('tmp/gate');
    try {
      const { answer: long } = await startLong(masters, gate);
      long.catch(() => undefined);
      const five = request(masters.socket(), write(masters, 'five', waits(5000, 'five')), '', 60_000);
      five.catch(() => undefined);
      await poll('the request', async () => await runs(masters, '/five.php'));
      const earlier = await factsOf(masters);
      const old = await masters.kill(first);
      masters.program = serverCommand('hathi');
      let next = await masters.start(60_000);
      await next.log.waitFor(finishes, 0, 10_000);
      const later = await factsOf(masters);
      assertGoesOn(earlier, later);
      assert.ok(!later.pids.some((pid) => earlier.pids.includes(pid)), 'new workers');
      // The next one is killed as well: they finish all the same.
      await masters.kill(next);
      next = await masters.start(60_000);
      await next.log.waitFor(finishes, 0, 10_000);
      assertGoesOn(later, await factsOf(masters));
      assertKept(later, await factsOf(masters));
      assert.equal((await five).body.toString(), 'five');
      assert.ok(old.some(isAlive), 'one request is left');
      masters.folder.write('tmp/gate', '');
      assert.equal(await long, 'long');
      await poll('the end of the old host', () => !old.some(isAlive) || undefined, 10_000);
      masters.note(next);
      if (engine === 'native') await assertEachOnce(masters);
      const { counts, samples } = await load.stop();
      assert.deepEqual(Object.keys(counts), ['ok'], `${samples.join('\n')}\n${next.log.text()}`);
      // What the old host answered counts as well. The last answer counts a moment after it was sent.
      const wanted = load.answered + 2;
      await poll(`${wanted} counted answers`, async () => {
        const { accepted, ended } = await factsOf(masters);
        return (accepted === ended && ended >= wanted) || undefined;
      });
      await masters.stop(next);
      await masters.gone(5000);
    } finally {
      masters.folder.write('tmp/gate', '');
      await load.stop();
    }
  });

  const { skip } = nativeBuild();

  test('a graceful stop waits for what they run, another one does not', { skip }, async () => {
    for (const signal of ['SIGQUIT', 'SIGTERM'] as const) {
      await using masters = new Masters('native', (to) => poolText(to, 'www', 'pm.max_children = 2'));
      const first = await startOlder(masters, 'native');
      const gate = masters.folder.join('tmp/gate');
      const { answer: long } = await startLong(masters, gate);
      const outcome = long.catch(() => 'lost');
      await masters.kill(first);
      masters.program = serverCommand('hathi');
      const next = await masters.start();
      await next.log.waitFor(finishes, 0, 10_000);
      masters.note(next);
      next.child.kill(signal);
      if (signal === 'SIGQUIT') {
        await next.log.waitFor(/Finishing/, 0, 5000);
        masters.folder.write('tmp/gate', '');
      }
      assert.equal(await outcome, signal === 'SIGQUIT' ? 'long' : 'lost');
      await exited(next.child);
      await masters.gone(5000);
      const left = readdirSync(masters.folder.join('runtime')).filter((name) => /\.hosts$/.test(name));
      assert.deepEqual(left, [], 'files of hosts that are gone');
    }
  });

  test('where no new host can serve, they serve on until one can', { skip }, async () => {
    await using masters = new Masters('native', (to) => poolText(to, 'www'));
    const first = await startOlder(masters, 'native');
    const short = write(masters, 'short', waits(1, 'short'));
    const broken = masters.folder.write('www/broken.php', `<?php throw new Exception('it does not boot');`);
    await masters.kill(first);
    masters.program = serverCommand('hathi');
    masters.configure((to) => poolText(to, 'www', `worker.script = ${broken}`) + poolText(to, 'other'));
    const next = await masters.start();
    assert.doesNotMatch(next.log.text(), finishes);
    assert.equal((await request(masters.socket(), short)).body.toString(), 'short');
    masters.configure((to) => poolText(to, 'www') + poolText(to, 'other'));
    next.child.kill('SIGUSR2');
    await next.log.waitFor(finishes, 0, 10_000);
    assert.equal((await request(masters.socket(), short)).body.toString(), 'short');
    await masters.stop(next);
    await masters.gone(5000);
  });

  async function startOlder(masters: Masters, engine: EngineName): Promise<StartedMaster> {
    masters.program = older;
    return await masters.start(60_000, engine === 'native' ? { HATHI_ENGINE_DIR: engines() } : {});
  }
});

function write(masters: Masters, name: string, code: string): Readonly<Record<string, string>> {
  return scriptParams(masters.folder.write(`www/${name}.php`, code));
}

/** Whether a worker runs that script. */
async function runs(masters: Masters, script: string): Promise<true | undefined> {
  return JSON.stringify((await masters.pool()).workers).includes(script) || undefined;
}

/** A request that runs until the gate is there. @returns its answer */
async function startLong(masters: Masters, gate: string): Promise<{ readonly answer: Promise<string> }> {
  const code = `<?php while (!file_exists('${gate}')) { clearstatcache(); usleep(5000); } echo 'long';`;
  const answer = request(masters.socket(), write(masters, 'long', code), '', 100_000);
  answer.catch(() => undefined);
  await poll('the long request', async () => await runs(masters, '/long.php'));
  return { answer: answer.then(({ body }) => body.toString()) };
}
