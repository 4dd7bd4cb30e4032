/** `GET /api/plan`: bounded however many pools there are, and what it does not show is not free memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capacityJson } from '../../src/admin/capacity-json.ts';
import type { AdminSource } from '../../src/figures/admin-source.ts';
import { choosePools, everyPool } from '../../src/figures/pool-choice.ts';
import { durationClass, noDurations } from '../../src/scoreboard/durations.ts';
import { hour } from '../plan/history.ts';

const megabyte = 2 ** 20;

/** Requests of about 100 ms. */
const counts = noDurations.counts.map((_, index) => (index === durationClass(100_000) ? 1000 : 0));

/** A master with so many pools of 100 MB each, four workers of 20 MB in it. */
function source(
  count: number,
  { usedBytes = count * 100 * megabyte + 500 * megabyte, requestsPerSecond = 20 } = {},
): AdminSource {
  const all = Array.from({ length: count }, (_, index) => ({
    name: `pool${index}`,
    state: 'serving' as const,
    active: 0,
    queue: 0,
    processManager: 'dynamic',
    totals: { durations: { counts } },
    maxChildren: 4,
    memoryBytes: 100 * megabyte,
    sharedBytes: 20 * megabyte,
    workerMemory: {
      measured: 4,
      averageBytes: 20 * megabyte,
      largestBytes: 20 * megabyte,
      peakBytes: 20 * megabyte,
    },
  }));
  const read = (_detail: string, choice = everyPool) => ({
    pools: choosePools(all, choice),
    counts: { matching: count },
    memory: { source: 'machine', limitBytes: 20_000 * megabyte, usedBytes },
    master: { residentBytes: 80 * megabyte },
  });
  const history = () => hour(() => ({ rate: requestsPerSecond, meanMicros: 100_000 }), 4);
  return { read, history } as unknown as AdminSource;
}

test('few pools: all of them, with need, cost and settings', async () => {
  const { pools, left, availableBytes, costBytes } = await capacityJson(source(2), '');
  assert.deepEqual([pools.length, left], [2, 0]);
  // A load of two: 2 + 1.5 x 1.41.
  assert.equal(pools[0]?.needed, 5);
  assert.equal(pools[0]?.costBytes, 120 * megabyte);
  assert.equal(costBytes, 240 * megabyte);
  assert.equal(availableBytes, (16_000 - 500) * megabyte);
  assert.deepEqual(pools[0]?.advice[0]?.value, 'static');
});

test('many pools: the most important ones and the chosen one; the others keep their memory', async () => {
  const { pools, left, availableBytes } = await capacityJson(source(80), 'pool79');
  assert.deepEqual([pools.length, left], [50, 30]);
  assert.equal(pools[0]?.pool, 'pool79');
  assert.ok(Math.abs((availableBytes ?? 0) / megabyte - (16_000 - 500 - 3000)) < 1);
});

test('waiting now and with the recommended number, of the first pools, where it takes the master little time', async () => {
  const busy = await capacityJson(source(8, { requestsPerSecond: 38 }), '');
  const [first] = busy.pools;
  // A load of 3.8: four workers are nearly always busy.
  const { waitsNow, waitsThen } = first ?? assert.fail();
  assert.ok(waitsNow !== undefined && waitsThen !== undefined);
  assert.ok(waitsNow.waited > 0.5 && waitsThen.waited < 0.2, JSON.stringify(first));
  assert.ok(waitsNow.p95Seconds > 3 * waitsThen.p95Seconds);
  assert.equal(busy.pools.filter((pool) => pool.waitsNow !== undefined).length, 6);
  let turns = 0;
  const others = setImmediate(function next() {
    turns += 1;
    setImmediate(next).unref();
  });
  await capacityJson(source(1, { requestsPerSecond: 400 }), '');
  clearImmediate(others);
  assert.ok(turns > 20, `${turns} turns of other work`);
  const large = await capacityJson(source(1, { requestsPerSecond: 4000 }), '');
  assert.equal(large.pools[0]?.waitsNow, undefined);
});
