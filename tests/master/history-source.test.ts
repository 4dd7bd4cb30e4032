/** The history's view of a pool: peaks between samples, and counts that are read only when they can have changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PoolCounts } from '../../src/figures/admin-snapshot.ts';
import { HistorySource } from '../../src/generation/history-source.ts';
import { noDurations } from '../../src/scoreboard/durations.ts';

/** `ended` of the requests that were begun have ended, `errors` of them with a 5xx. */
function totals(accepted: number, ended: number, errors = 0): PoolCounts {
  const counts = noDurations.counts.map((_, index) => (index === 0 ? ended : 0));
  return {
    accepted,
    responses: [0, ended - errors, 0, 0, errors],
    durations: { ...noDurations, counts },
    maxChildrenReached: 0,
    slowRequests: 0,
    terminatedRequests: 0,
    faults: 0,
    refused: 0,
    priority: 0,
    busySeconds: 0,
    restarts: { exit: 0, signal: 0, timeout: 0, memory: 0, host: 0 },
  };
}

test('a sample has the highest of the heartbeats since the one before', () => {
  const source = new HistorySource();
  for (const [busy, queue] of [
    [1, 0],
    [4, 7],
    [2, 1],
  ] as const)
    source.heartbeat(busy, queue);
  const { busy, queue } = source.take(0, () => totals(0, 0));
  assert.deepEqual([busy, queue], [4, 7]);
  source.heartbeat(1, 0);
  assert.deepEqual(source.take(0, () => totals(0, 0)).busy, 1);
});

test('a pool that nobody has used is not read at all, until a heartbeat or a request', () => {
  const source = new HistorySource();
  const read = (): PoolCounts => assert.fail('there is nothing to read');
  const first = source.take(0, read);
  assert.deepEqual(first, {
    busy: 0,
    busyMean: 0,
    queue: 0,
    counts: { accepted: 0, errors: 0, durations: noDurations },
  });
  assert.equal(source.take(0, read), first);
  assert.equal(source.take(1, () => totals(1, 1, 1)).counts.errors, 1);
  const other = new HistorySource();
  other.heartbeat(2, 3);
  assert.deepEqual([other.take(0, () => totals(0, 0)).busy, other.take(0, () => totals(0, 0)).busy], [2, 0]);
});

test('a pool at rest is not read again; one that works, or whose requests have not all ended, is', () => {
  const source = new HistorySource();
  let reads = 0;
  const take = (accepted: number, ended: number, errors = 0) => {
    const { counts } = source.take(accepted, () => {
      reads += 1;
      return totals(accepted, ended, errors);
    });
    return counts.errors;
  };
  take(3, 2);
  assert.equal(take(3, 3, 1), 1);
  assert.equal(reads, 2, 'a request had not ended');
  assert.equal(take(3, 3, 1), 1);
  assert.equal(reads, 2, 'nothing has happened');
  take(4, 4);
  assert.equal(reads, 3);
});
