import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bucketBounds } from '../../src/admin/metrics-table.ts';
import {
  addDurations,
  durationBounds,
  durationClass,
  durationClasses,
  durationQuantile,
  durationsSince,
  longestSince,
  noDurations,
} from '../../src/scoreboard/durations.ts';

/** Counts of these durations, ms. */
function counted(...millis: number[]) {
  const counts = [...noDurations.counts];
  for (const ms of millis) counts[durationClass(ms * 1000)] = (counts[durationClass(ms * 1000)] ?? 0) + 1;
  return { ...noDurations, counts, sumMicros: millis.reduce((sum, ms) => sum + ms * 1000, 0) };
}

test('a bound belongs to the class that it ends; what is longer than all has its own', () => {
  assert.deepEqual(
    [...durationBounds],
    [...durationBounds].sort((a, b) => a - b),
  );
  for (const [index, bound] of durationBounds.entries()) {
    assert.deepEqual([durationClass(bound), durationClass(bound + 1)], [index, index + 1]);
  }
  assert.equal(durationClass(0), 0);
  assert.equal(durationClass(1e12), durationClasses - 1);
});

test('differences and sums', () => {
  const both = addDurations(counted(3, 70_000), counted(3));
  assert.deepEqual(durationsSince(both, counted(3)), counted(3, 70_000));
  assert.deepEqual(durationsSince(counted(3), both), noDurations, 'a count that fell is none');
});

for (const [millis, quantile, longest, wanted] of [
  [[], 0.5, undefined, undefined],
  // Four in the class of 10 to 12.5 ms: the middle of it.
  [[11, 12, 11.5, 12.5], 0.5, undefined, 11_250],
  [[11, 12, 11.5, 12.5], 1, undefined, 12_500],
  [[0.01], 0.99, undefined, 99],
  // Nine at up to 1 ms, one at up to 4 s: the p95 is the middle of the last one's class.
  [[1, 1, 1, 1, 1, 1, 1, 1, 1, 3500], 0.95, undefined, 3_500_000],
  // Three of hardly more than 3 s: the longest one bounds their class.
  [[3000.1, 3000.2, 3000.3], 0.99, 3_000_300, 3_000_297],
  [[3000.1, 3000.2, 3000.3], 0.5, 3_000_300, 3_000_150],
  [[90_000], 0.5, undefined, 60_000_000],
  [[90_000, 80_000], 1, 90_000_000, 90_000_000],
  // A worker's longest duration may be untrue: an estimate stays in its class.
  [[15], 1, 1, 12_500],
] as const) {
  test(`the quantile ${quantile} of ${millis.join(', ')} ms is ${wanted} us, with ${longest} as the longest`, () => {
    const estimate = durationQuantile(counted(...millis), quantile, longest);
    assert.equal(estimate === undefined ? undefined : Math.round(estimate), wanted);
  });
}

test('the longest requests are those of the last periods, of all workers together', () => {
  const peaks = (period: number, ...micros: number[]) => ({ ...noDurations, peaks: { period, micros } });
  const both = addDurations(peaks(10, 5, 0, 900, 7), peaks(11, 6, 4, 0, 0));
  assert.deepEqual(both.peaks, { period: 11, micros: [6, 5, 0, 900] });
  assert.equal(longestSince(both, 11), 6);
  assert.equal(longestSince(both, 9), 6);
  assert.equal(longestSince(both, 8), 900);
  assert.equal(longestSince(both, 7), undefined, 'what was longer by then is forgotten');
  assert.equal(longestSince(both, 12), undefined, 'none has ended');
  assert.equal(
    longestSince(addDurations(both, peaks(2 ** 53 - 1, 1, 1, 1, 1)), 8),
    undefined,
    'a forged period',
  );
});

test('each bucket of the metrics ends where a class ends', () => {
  for (const bound of bucketBounds) assert.ok(durationBounds.includes(bound), `${bound}`);
});
