/** The last hour of the pools: a ring of fixed size, over pools that come and go and clocks that jump. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History, historyColumns, historyIntervalMs, historySamples } from '../../src/admin/history.ts';
import type { PoolSnapshot } from '../../src/admin/snapshot.ts';
import { durationBounds, noDurations } from '../../src/scoreboard/durations.ts';

/** A pool as far as the history looks at it. */
function pool(
  name: string,
  fields: Partial<PoolSnapshot> & { accepted?: number; errors?: number; quick?: number },
) {
  const { accepted = 0, errors = 0, quick = 0, ...rest } = fields;
  const counts = noDurations.counts.map((_, index) => (index === 0 ? quick : 0));
  const totals = { accepted, responses: [0, 0, 0, 0, errors], durations: { counts, sumMicros: 0 } };
  return { name, active: 0, maxChildren: 4, queue: 0, totals, ...rest } as PoolSnapshot;
}

/** A time at which nothing is remarkable, and times after it, in seconds. */
const at = (seconds: number): number => 1_800_000_000_000 + seconds * 1000;

test('rates and quantiles are those of the time since the last sample; the first one has none', () => {
  const history = new History();
  history.add({ at: at(0), pools: [pool('www', { accepted: 1000, errors: 7, quick: 1000, active: 2 })] });
  history.add({
    at: at(5),
    pools: [pool('www', { accepted: 1050, errors: 8, quick: 1040, active: 4, queue: 3 })],
  });
  history.add({ at: at(15), pools: [pool('www', { accepted: 1050, errors: 8, quick: 1040 })] });
  const answer = history.read('www', 0);
  assert.deepEqual(answer.at, [at(0), at(5), at(15)]);
  assert.deepEqual(answer.requestsPerSecond, [null, 10, 0]);
  assert.deepEqual(answer.errorsPerSecond, [null, 0.2, 0]);
  assert.deepEqual(answer.p50Micros, [null, durationBounds[0] / 2, null], 'no quantile of no requests');
  assert.deepEqual(
    [answer.busy, answer.queue, answer.limit],
    [
      [2, 4, 0],
      [0, 3, 0],
      [4, 4, 4],
    ],
  );
  assert.deepEqual(answer.memoryBytes, [null, null, null]);
});

test('a sample is due every five seconds, and at once when the clock was set back', () => {
  const history = new History();
  assert.equal(history.isDue(at(0)), true);
  history.add({ at: at(0), pools: [] });
  assert.equal(history.isDue(at(4)), false);
  assert.equal(history.isDue(at(4.9)), true, 'a heartbeat that comes a little early');
  assert.equal(history.isDue(at(-1)), true);
  assert.equal(historyIntervalMs, 5000);
});

test('it holds an hour and no more, in a space that does not grow', () => {
  const history = new History();
  for (let sample = 0; sample < 2 * historySamples; sample += 1) {
    history.add({ at: at(5 * sample), pools: [pool('www', { accepted: sample })] });
  }
  const answer = history.read('www', 0);
  assert.equal(answer.at.length, historySamples);
  assert.deepEqual(
    [answer.at[0], answer.at.at(-1)],
    [at(5 * historySamples), at(5 * (2 * historySamples - 1))],
  );
  for (const column of historyColumns) assert.equal(answer[column].length, historySamples, column);
  assert.ok(answer.requestsPerSecond.every((value) => value === 0.2));
});

test('only what came after a time; all of it for a time that is still to come', () => {
  const history = new History();
  for (let sample = 0; sample < 4; sample += 1) history.add({ at: at(5 * sample), pools: [pool('www', {})] });
  assert.deepEqual(history.read('www', at(5)).at, [at(10), at(15)]);
  assert.deepEqual(history.read('www', at(15)).at, []);
  assert.equal(history.read('www', at(16)).at.length, 4);
});

test('a pool that comes later has nothing before, one that goes is forgotten, and a new one of its name begins anew', () => {
  const history = new History();
  history.add({ at: at(0), pools: [pool('www', { active: 1 })] });
  history.add({ at: at(5), pools: [pool('www', { active: 1 }), pool('shop', { active: 2, accepted: 500 })] });
  assert.deepEqual(history.read('shop', 0).busy, [null, 2]);
  assert.deepEqual(history.read('shop', 0).requestsPerSecond, [null, null], 'its counts may be of any time');
  history.add({ at: at(10), pools: [pool('www', { active: 1 })] });
  assert.deepEqual(history.read('shop', 0).busy, [null, null, null]);
  history.add({ at: at(15), pools: [pool('www', { active: 1 }), pool('shop', { active: 3 })] });
  assert.deepEqual(history.read('shop', 0).busy, [null, null, null, 3]);
  assert.deepEqual(history.read('__proto__', 0).busy, [null, null, null, null]);
});

test('all pools together: sums, quantiles over all requests, memory only when all of it is known', () => {
  const history = new History();
  const both = (accepted: number, memoryBytes: number | undefined) => [
    pool('www', { accepted, quick: accepted, active: 1, queue: 2, memoryBytes: 1024 ** 2 }),
    pool('shop', { accepted: 3 * accepted, quick: 3 * accepted, active: 2, queue: 0, memoryBytes }),
  ];
  history.add({ at: at(0), pools: both(0, undefined) });
  history.add({ at: at(5), pools: both(5, 1024 ** 2) });
  const { requestsPerSecond, busy, limit, queue, memoryBytes, p99Micros } = history.read(undefined, 0);
  assert.deepEqual(requestsPerSecond, [null, 4]);
  assert.deepEqual(
    [busy, limit, queue],
    [
      [3, 3],
      [8, 8],
      [2, 2],
    ],
  );
  assert.deepEqual(memoryBytes, [null, 2097200], 'five digits are told');
  assert.deepEqual(p99Micros, [null, 0.99 * durationBounds[0]]);
});

test('a clock that was set back begins the history anew; counts that fall give no rate below 0', () => {
  const history = new History();
  history.add({ at: at(0), pools: [pool('www', { accepted: 10 })] });
  history.add({ at: at(-3600), pools: [pool('www', { accepted: 20 })] });
  assert.deepEqual(history.read('www', 0).at, [at(-3600)]);
  history.add({ at: at(-3595), pools: [pool('www', { accepted: 5 })] });
  assert.deepEqual(history.read('www', 0).requestsPerSecond, [null, 0]);
});
