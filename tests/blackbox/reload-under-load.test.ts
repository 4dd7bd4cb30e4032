/**
 * The headline: a reload loses nothing. 16 clients send requests of 100 ms, a request of 5 s is always in flight, and
 * the master is told to reload every 300 ms. How long requests take meanwhile is measured in bench/workloads/reload.ts.
 *
 * The scripts wait in a loop of short sleeps: PHP's sleep() ends early when a signal arrives, which would make a master
 * look better than it is. php-fpm 8.2 in this test: at its default settings it loses requests, with
 * process_control_timeout it makes everybody wait for the long one.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { type LoadResult, startLoad } from '../harness/load.ts';
import { poolText } from '../harness/pool.ts';
import { type EngineName, type Server, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

const clients = 16;
/** Fewer with the embedded engine, whose workers cost half a second of CPU each; one has the long request. */
const workers: Readonly<Record<EngineName, number>> = { embedded: 2, native: 8 };
const reloadEvery = 300;
/** How many reloads are to be completed. A native host is up in a tenth of the time. */
const wantedReloads: Readonly<Record<EngineName, number>> = { embedded: 2, native: 10 };
const givenReloads = process.env['HATHI_TEST_RELOADS'];

const sleeper = (ms: number, answer: string): string =>
  `<?php $end = microtime(true) + ${ms / 1000}; while (microtime(true) < $end) usleep(10000); echo '${answer}';`;

const pools = (engine: EngineName, generation: string) => (folder: TestFolder) =>
  poolText(
    folder,
    'www',
    `pm.max_children = ${workers[engine]}\nphp_admin_value[user_agent] = ${generation}`,
  );

/** One request of 5 s after the other; returns how many were answered whole. */
function keepLongRequest(server: Server, script: string): { stop(): Promise<number> } {
  let running = true;
  const loop = (async () => {
    let answered = 0;
    while (running) {
      const reply = await request(server.socket(), scriptParams(script));
      assert.equal(reply.body.toString(), 'long');
      answered += 1;
    }
    return answered;
  })();
  // A failure is reported by stop(); until then it must not count as unhandled.
  loop.catch(() => undefined);
  return {
    stop() {
      running = false;
      return loop;
    },
  };
}

async function loadFor(server: Server, script: string, during: () => Promise<void>): Promise<LoadResult> {
  const load = startLoad({ clients, address: server.socket(), params: scriptParams(script), body: 'short' });
  try {
    await during();
  } finally {
    await load.stop();
  }
  return await load.stop();
}

const readyLine = /NOTICE: ready to handle connections$/;

/**
 * Sends USR2 at the pace of the test, each time with another configuration, until so many reloads are completed.
 *
 * @returns the name of the last configuration
 */
async function reloadAllTheTime(server: Server, engine: EngineName, wanted: number): Promise<string> {
  let generation = 'generation-0';
  const from = server.log.count(readyLine);
  for (let i = 1; server.log.count(readyLine) < from + wanted; i++) {
    generation = `generation-${i}`;
    server.configure(pools(engine, generation));
    server.signal('SIGUSR2');
    await delay(reloadEvery);
  }
  return generation;
}

testEngines('reloads under load lose no request', {}, async (engine, t) => {
  const wanted = givenReloads === undefined ? wantedReloads[engine] : Number(givenReloads);
  await using server = await startServer({ engine, pools: pools(engine, 'generation-0') });
  const short = server.folder.write('www/short.php', sleeper(100, 'short'));
  const long = server.folder.write('www/long.php', sleeper(5000, 'long'));
  const value = server.folder.write('www/value.php', `<?php echo ini_get('user_agent');`);

  const inFlight = keepLongRequest(server, long);
  const calm = await loadFor(server, short, () => delay(500));
  let last = '';
  const result = await loadFor(server, short, async () => {
    last = await reloadAllTheTime(server, engine, wanted);
  });
  const answered = await inFlight.stop();
  const reloads = server.log.count(readyLine) - 1;
  t.diagnostic(
    `${JSON.stringify(result.counts)}, longest ${Math.round(result.longest)} ms (without reloads ` +
      `${Math.round(calm.longest)} ms), ${reloads} reloads completed, ${answered} long requests whole`,
  );

  assert.deepEqual(calm.counts, { ok: calm.counts.ok }, calm.samples.join('\n'));
  assert.deepEqual(result.counts, { ok: result.counts.ok }, result.samples.join('\n'));
  assert.ok(answered >= 1);
  await poll(`the configuration of the last reload, ${last}`, async () => {
    const reply = await request(server.socket(), scriptParams(value));
    return reply.body.toString() === last || undefined;
  });
  assert.equal(server.readPidFile(), String(server.pid));
  await server.stop();
});

test('a reload to an invalid configuration changes nothing and says why', async () => {
  await using server = await startServer({
    pools: pools('native', 'good'),
    expected: [
      /ERROR: .*unknown entry 'pm\.max_childen'/,
      /ERROR: failed to load configuration file/,
      /ERROR: reload refused/,
    ],
  });
  const value = server.folder.write('www/value.php', `<?php echo ini_get('user_agent');`);
  const ask = async (): Promise<string> =>
    (await request(server.socket(), scriptParams(value))).body.toString();
  assert.equal(await ask(), 'good');

  server.configure((folder) => poolText(folder, 'www', 'pm.max_childen = 3'));
  const from = server.log.mark();
  server.signal('SIGUSR2');
  await server.log.waitFor(/ERROR: .*unknown entry 'pm\.max_childen'/, from);
  assert.equal(await ask(), 'good');

  server.configure(pools('native', 'better'));
  await server.reload();
  await poll('the corrected configuration', async () => ((await ask()) === 'better' ? true : undefined));
  await server.stop();
});
