import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  addDurations,
  durationBounds,
  durationClass,
  durationClasses,
  durationQuantile,
  durationsSince,
  noDurations,
} from '../../src/scoreboard/durations.ts';

/** Counts of these durations, ms. */
function counted(...millis: number[]) {
  const counts = [...noDurations.counts];
  for (const ms of millis) counts[durationClass(ms * 1000)] = (counts[durationClass(ms * 1000)] ?? 0) + 1;
  return { counts, sumMicros: millis.reduce((sum, ms) => sum + ms * 1000, 0) };
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

for (const [millis, quantile, wanted] of [
  [[], 0.5, undefined],
  // Four in the class of 10 to 20 ms: the middle of it.
  [[11, 12, 18, 19], 0.5, 15_000],
  [[11, 12, 18, 19], 1, 20_000],
  [[0.1], 0.99, 990],
  // Nine at up to 1 ms, one at up to 5 s: the p95 is the middle of the last one's class.
  [[1, 1, 1, 1, 1, 1, 1, 1, 1, 3000], 0.95, 3_500_000],
  [[90_000], 0.5, 60_000_000],
] as const) {
  test(`the quantile ${quantile} of ${millis.join(', ')} ms is ${wanted} us`, () => {
    const estimate = durationQuantile(counted(...millis), quantile);
    assert.equal(estimate === undefined ? undefined : Math.round(estimate), wanted);
  });
}
