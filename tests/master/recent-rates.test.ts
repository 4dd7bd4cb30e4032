import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolCounts } from '../../src/figures/admin-snapshot.ts';
import { RecentRates } from '../../src/generation/recent-rates.ts';
import { monotonicMicros } from '../../src/scoreboard/clock.ts';
import { durationClass, noDurations, peakPeriod } from '../../src/scoreboard/durations.ts';

/** Totals after so many requests, each of 15 ms. */
function after(requests: number, peaks = noDurations.peaks): PoolCounts {
  const counts = [...noDurations.counts];
  counts[durationClass(15_000)] = requests;
  return {
    responses: [0, requests - requests / 10, 0, 0, requests / 10],
    durations: { counts, sumMicros: requests * 15_000, peaks },
    accepted: requests,
    maxChildrenReached: 0,
    slowRequests: 0,
    terminatedRequests: 0,
    faults: 0,
    refused: 0,
    priority: 0,
    busySeconds: requests * 0.015,
    restarts: { exit: 0, signal: 0, timeout: 0, memory: 0, host: 0 },
  };
}

test('figures are about the last 10 to 15 seconds, and about less after a start', () => {
  const recent = new RecentRates(0, after(0));
  assert.deepEqual(recent.rates(0, after(0)), {
    seconds: 0,
    requestsPerSecond: 0,
    errorsPerSecond: 0,
    busyWorkers: 0,
    meanMicros: undefined,
    p50Micros: undefined,
    p95Micros: undefined,
    p99Micros: undefined,
  });
  assert.deepEqual(recent.rates(2000, after(20)), {
    seconds: 2,
    requestsPerSecond: 10,
    errorsPerSecond: 1,
    busyWorkers: 0.15,
    meanMicros: 15_000,
    p50Micros: 14_250,
    p95Micros: 15_825,
    p99Micros: 15_965,
  });
  // 100 requests a second for half a minute, then none.
  let read = 0;
  for (let second = 1; second <= 60; second += 1) {
    recent.note(second * 1000, () => {
      read += 1;
      return after(100 * Math.min(second, 30));
    });
    const { seconds, requestsPerSecond } = recent.rates(second * 1000, after(100 * Math.min(second, 30)));
    if (second >= 15) assert.ok(seconds >= 10 && seconds < 15, `${seconds} s`);
    if (second <= 30) assert.equal(requestsPerSecond, 100);
  }
  assert.equal(read, 12, 'a sample every five seconds');
  assert.equal(recent.rates(60_000, after(3000)).requestsPerSecond, 0);
  assert.equal(recent.rates(60_000, after(3000)).p50Micros, undefined);
});

test('no quantile is over the longest request of that time, however wide its class is', () => {
  const recent = new RecentRates(0, after(0));
  const { p50Micros = 0, p99Micros = 0 } = recent.rates(
    2000,
    after(3, { period: peakPeriod(monotonicMicros()), micros: [15_000, 0, 0, 0] }),
  );
  assert.ok(p50Micros > 12_500 && p50Micros < p99Micros && p99Micros <= 15_000, `${p50Micros} ${p99Micros}`);
});

test('counts that fell are no negative rate', () => {
  const recent = new RecentRates(0, after(100));
  assert.equal(recent.rates(1000, after(10)).requestsPerSecond, 0);
});
