/**
 * Records a load for the back-test (recorded-load.json), by hand: a real pool of the native engine, arrivals at random at
 * three rates, sleeps of log-normal length, and how long each client had to wait for a worker. Takes five minutes.
 *
 *     HATHI_TEST_ENGINE=FOLDER node tests/plan/record-load.ts
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { exponential, seededRandom } from '../../src/pool/random.ts';
import { lognormalTimes } from '../../src/pool/service-times.ts';
import { askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { startServer } from '../harness/server.ts';

const workers = 4;
const phaseSeconds = 90;
/** Arrivals a second; a request takes 100 ms on average, so the load is 2, 3.6 and 3 of four workers. */
const rates = [20, 36, 30];

await using server = await startServer({
  engine: 'native',
  pools: (to) =>
    `admin.listen = ${to.join('run/admin.sock')}\n${poolText(to, 'www', `pm.max_children = ${workers}`)}`,
});
const script = server.folder.write('www/s.php', '<?php usleep((int) $_GET["t"]); echo 1;');
const ask = async (path: string) =>
  JSON.parse((await askAdmin({ socketPath: server.folder.join('run/admin.sock'), path })).body);
const random = seededRandom(7);
const times = lognormalTimes(0.1, 1);
const pending: Promise<void>[] = [];
const waits: { at: number; wait: number }[] = [];
const begin = performance.now();
let due = begin;
for (const rate of rates) {
  const end = due + phaseSeconds * 1000;
  while (due < end) {
    due += 1000 * exponential(rate, random);
    await sleep(Math.max(0, due - performance.now()));
    const service = times.draw(random);
    const sent = performance.now();
    const params = scriptParams(script, { QUERY_STRING: `t=${Math.round(service * 1e6)}` });
    pending.push(
      request(server.socket(), params).then(() => {
        waits.push({ at: sent - begin, wait: Math.max(0, (performance.now() - sent) / 1000 - service) });
      }),
    );
  }
}
await Promise.all(pending);
await sleep(6000);
const { pools } = await ask('/api/pools');
const history = await ask('/api/history?pool=www');
const recorded = {
  workers,
  history,
  counts: pools[0].totals.durations.counts,
  // By phase: milliseconds that clients waited beyond the time that their script took.
  waits: rates.map((_, phase) =>
    waits
      .filter(({ at }) => Math.floor(at / 1000 / phaseSeconds) === phase)
      .map(({ wait }) => (1000 * wait).toFixed(1))
      .join(' '),
  ),
  startedAt: Date.now() - (performance.now() - begin),
};
writeFileSync(new URL('recorded-load.json', import.meta.url), `${JSON.stringify(recorded)}\n`);
await server.stop();
process.stdout.write(`${waits.length} requests\n`);
