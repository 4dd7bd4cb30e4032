/** The last hour of the pools: a ring of fixed size, over pools that come and go and clocks that jump. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { historyColumns, type PoolSample } from '../../src/figures/history.ts';
import { durationBounds, durationClass, noDurations, peakPeriod } from '../../src/scoreboard/durations.ts';
import { History, historyIntervalMs, historySamples } from '../../src/watch/history.ts';

/** Figures of a pool; `quick` requests took at most 100 microseconds. */
function pool(
  name: string,
  fields: Partial<Omit<PoolSample, 'counts'>> & { accepted?: number; errors?: number; quick?: number },
): PoolSample {
  const { accepted = 0, errors = 0, quick = 0, ...rest } = fields;
  const durations = {
    counts: noDurations.counts.map((_, index) => (index === 0 ? quick : 0)),
    sumMicros: 0,
    peaks: noDurations.peaks,
  };
  const counts = { accepted, errors, durations };
  return { name, busy: 0, busyMean: 0, limit: 4, queue: 0, memoryBytes: undefined, counts, ...rest };
}

/** End of the class of the quickest. */
const shortest = durationBounds[0] ?? 0;

/** A time at which nothing is remarkable, and times after it, in seconds. */
const at = (seconds: number): number => 1_800_000_000_000 + seconds * 1000;

test('rates and quantiles are those of the time since the last sample; the first one has none', () => {
  const history = new History();
  history.add(at(0), [pool('www', { accepted: 1000, errors: 7, quick: 1000, busy: 2 })]);
  history.add(at(5), [pool('www', { accepted: 1050, errors: 8, quick: 1040, busy: 4, queue: 3 })]);
  history.add(at(15), [pool('www', { accepted: 1050, errors: 8, quick: 1040 })]);
  const answer = history.read('www', 0);
  assert.deepEqual(answer.at, [at(0), at(5), at(15)]);
  assert.deepEqual(answer.requestsPerSecond, [null, 10, 0]);
  assert.deepEqual(answer.errorsPerSecond, [null, 0.2, 0]);
  assert.deepEqual(answer.p50Micros, [null, shortest / 2, null], 'no quantile of no requests');
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
  history.add(at(0), []);
  assert.equal(history.isDue(at(4)), false);
  assert.equal(history.isDue(at(4.9)), true, 'a heartbeat that comes a little early');
  assert.equal(history.isDue(at(-1)), true);
  assert.equal(historyIntervalMs, 5000);
});

test('it holds an hour and no more, in a space that does not grow', () => {
  const history = new History();
  for (let sample = 0; sample < 2 * historySamples; sample += 1) {
    history.add(at(5 * sample), [pool('www', { accepted: sample })]);
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
  for (let sample = 0; sample < 4; sample += 1) history.add(at(5 * sample), [pool('www', {})]);
  assert.deepEqual(history.read('www', at(5)).at, [at(10), at(15)]);
  assert.deepEqual(history.read('www', at(15)).at, []);
  assert.equal(history.read('www', at(16)).at.length, 4);
});

test('a pool that comes later has nothing before, one that goes is forgotten, and a new one of its name begins anew', () => {
  const history = new History();
  history.add(at(0), [pool('www', { busy: 1 })]);
  history.add(at(5), [pool('www', { busy: 1 }), pool('shop', { busy: 2, accepted: 500 })]);
  assert.deepEqual(history.read('shop', 0).busy, [null, 2]);
  assert.deepEqual(history.read('shop', 0).requestsPerSecond, [null, null], 'its counts may be of any time');
  history.add(at(10), [pool('www', { busy: 1 })]);
  assert.deepEqual(history.read('shop', 0).busy, [null, null, null]);
  history.add(at(15), [pool('www', { busy: 1 }), pool('shop', { busy: 3 })]);
  assert.deepEqual(history.read('shop', 0).busy, [null, null, null, 3]);
  assert.deepEqual(history.read('__proto__', 0).busy, [null, null, null, null]);
});

test('all pools together: sums, quantiles over all requests, memory only when all of it is known', () => {
  const history = new History();
  const both = (accepted: number, memoryBytes: number | undefined) => [
    pool('www', { accepted, quick: accepted, busy: 1, queue: 2, memoryBytes: 1024 ** 2 }),
    pool('shop', { accepted: 3 * accepted, quick: 3 * accepted, busy: 2, queue: 0, memoryBytes }),
  ];
  history.add(at(0), both(0, undefined));
  history.add(at(5), both(5, 1024 ** 2));
  const { requestsPerSecond, busy, limit, fullest, queue, memoryBytes, p99Micros } = history.read(
    undefined,
    0,
  );
  assert.deepEqual(fullest, [0.5, 0.5], 'of the pool with least room');
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
  assert.deepEqual(p99Micros, [null, 0.99 * shortest]);
});

test('a clock that was set back begins the history anew; counts that fall give no rate below 0', () => {
  const history = new History();
  history.add(at(0), [pool('www', { accepted: 10 })]);
  history.add(at(-3600), [pool('www', { accepted: 20 })]);
  assert.deepEqual(history.read('www', 0).at, [at(-3600)]);
  history.add(at(-3595), [pool('www', { accepted: 5 })]);
  assert.deepEqual(history.read('www', 0).requestsPerSecond, [null, 0]);
});

test('no quantile of a sample is over its longest request', () => {
  const clock = 1_000_000_000;
  const slow = (accepted: number, peak: number): PoolSample => {
    const counts = [...noDurations.counts];
    counts[durationClass(peak)] = accepted;
    const peaks = { period: peakPeriod(clock), micros: [peak, 0, 0, 0] };
    return {
      ...pool('www', {}),
      counts: { accepted, errors: 0, durations: { counts, sumMicros: 0, peaks } },
    };
  };
  const history = new History();
  history.add(at(0), [slow(0, 3_000_100)], clock - 5_000_000);
  history.add(at(5), [slow(3, 3_000_100)], clock);
  for (const scope of ['www', undefined]) assert.equal(history.read(scope, 0).p99Micros[1], 3_000_100);
});

test('a pool at rest is told of once: its samples go on, those before and after are kept', () => {
  const history = new History();
  const kept = (fields: Partial<PoolSample> & { accepted?: number }) => pool('shop', fields);
  history.add(at(0), [pool('www', { busy: 1 }), kept({ busy: 2, memoryBytes: 7, limit: 3 })]);
  history.add(at(5), [pool('www', { busy: 1 }), kept({ busy: 1, accepted: 5, limit: 3, isAtRest: true })]);
  history.add(at(10), [pool('www', { busy: 1 })]);
  history.add(at(15), [pool('www', { busy: 1 })]);
  assert.deepEqual(history.read('shop', 0).busy, [2, 1, 0, 0]);
  assert.deepEqual(history.read('shop', 0).requestsPerSecond, [null, 1, 0, 0]);
  assert.deepEqual(history.read('shop', 0).memoryBytes, [7, null, 0, 0]);
  assert.deepEqual(history.read('shop', 0).p50Micros, [null, null, null, null]);
  assert.deepEqual(history.read(undefined, 0).limit, [7, 7, 7, 7], 'its limit counts on');
  history.add(at(20), [pool('www', { busy: 1 }), kept({ busy: 3, accepted: 15, limit: 9 })]);
  history.add(at(25), [pool('www', { busy: 1 }), kept({ busy: 3, accepted: 15, limit: 9 })]);
  assert.deepEqual(history.read('shop', 0).busy, [2, 1, 0, 0, 3, 3]);
  assert.deepEqual(history.read('shop', 0).limit, [3, 3, 3, 3, 9, 9]);
  assert.deepEqual(history.read('shop', 0).requestsPerSecond, [null, 1, 0, 0, 2, 0]);
  assert.deepEqual(history.read(undefined, 0).limit, [7, 7, 7, 7, 13, 13]);
});

test('pools that have never done anything have a history, and one that is forgotten at rest is', () => {
  const history = new History();
  history.add(at(0), [pool('www', { isAtRest: true }), pool('shop', { limit: 6, isAtRest: true })]);
  history.add(at(5), []);
  history.add(at(10), [pool('shop', { limit: 8, isAtRest: true })]);
  assert.deepEqual(history.read('www', 0).requestsPerSecond, [0, 0, 0]);
  assert.deepEqual(history.read(undefined, 0).requestsPerSecond, [0, 0, 0]);
  assert.deepEqual(history.read('shop', 0).limit, [6, 6, 8], 'a limit that a reload changes in its sleep');
  assert.deepEqual(history.read(undefined, 0).limit, [10, 10, 12]);
  history.forget('www');
  history.add(at(15), []);
  assert.deepEqual(history.read('www', 0).limit, [null, null, null, null]);
  assert.deepEqual(history.read(undefined, 0).limit.at(-1), 8);
});

test('a pool that has done something before its first sample has no rates there, also when it rests by then', () => {
  const history = new History();
  history.add(at(0), [pool('www', { accepted: 5, isAtRest: true })]);
  history.add(at(5), []);
  assert.deepEqual(history.read('www', 0).requestsPerSecond, [null, 0]);
});

test('a rest over more than an hour leaves no older figure, and a clock that is set back keeps the pool', () => {
  const history = new History();
  history.add(at(0), [pool('www', { busy: 4, isAtRest: true })]);
  for (let sample = 1; sample < historySamples + 10; sample += 1) history.add(at(5 * sample), []);
  assert.ok(history.read('www', 0).busy.every((busy) => busy === 0));
  history.add(at(5 * (historySamples + 10)), [pool('www', { busy: 2 })]);
  const { busy } = history.read('www', 0);
  assert.deepEqual([busy.length, busy.at(-2), busy.at(-1)], [historySamples, 0, 2]);
  history.add(at(5 * (historySamples + 11)), [pool('www', { isAtRest: true })]);
  history.add(at(1), []);
  assert.deepEqual(history.read('www', 0).limit, [4]);
  assert.deepEqual(history.read(undefined, 0).limit, [4]);
});

test('the next master goes on with the hour: of each pool, awake or at rest; of bytes that are none it begins anew', () => {
  const before = new History();
  before.add(at(0), [pool('www', { accepted: 10, busy: 3 }), pool('rare', { accepted: 1, busy: 1 })]);
  before.add(at(5), [pool('www', { accepted: 20, busy: 2 }), pool('rare', { accepted: 1, isAtRest: true })]);
  before.add(at(10), [pool('www', { accepted: 40, busy: 1 })]);
  const bytes = before.save();
  const after = new History();
  after.restore(bytes);
  after.add(at(20), [pool('www', { accepted: 41, busy: 4 }), pool('rare', { accepted: 1, isAtRest: true })]);
  after.add(at(25), [pool('www', { accepted: 51, busy: 5 })]);
  const www = after.read('www', 0);
  assert.deepEqual(www.at, [at(0), at(5), at(10), at(20), at(25)]);
  assert.deepEqual(www.busy, [3, 2, 1, 4, 5]);
  assert.deepEqual(www.requestsPerSecond, [null, 2, 4, null, 2], 'its first sample has no growth');
  assert.deepEqual(after.read('rare', 0).busy, [1, 0, 0, 0, 0]);
  assert.deepEqual(after.read(undefined, at(5)).busy, [1, 4, 5]);
  for (const wrong of [
    Buffer.alloc(0),
    Buffer.from('{}\n'),
    bytes.subarray(0, -4),
    Buffer.concat([bytes, Buffer.alloc(4)]),
    Buffer.from(bytes.toString('latin1').replace('"busy"', '"bus"'), 'latin1'),
    Buffer.from(bytes.toString('latin1').replace('"taken":3', '"taken":-3'), 'latin1'),
  ])
    assert.throws(() => new History().restore(wrong), Error);
});
