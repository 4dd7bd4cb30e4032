/**
 * The prediction against what was measured: recorded-load.json is four and a half minutes of a real pool (record-load.ts),
 * made on two processors with a load average of 10. The error is stated in docs/sizing.md.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { demandOf, type LoadSamples } from '../../src/pool/demand.ts';
import { predict } from '../../src/pool/prediction.ts';

interface Recorded {
  readonly workers: number;
  readonly history: LoadSamples;
  readonly counts: readonly number[];
  /** By phase of load, milliseconds by blanks. */
  readonly waits: readonly string[];
}

const recorded: Recorded = JSON.parse(readFileSync(new URL('recorded-load.json', import.meta.url), 'utf8'));

test('predicted and measured waiting', () => {
  const demand = demandOf(recorded.history) ?? assert.fail();
  // 100 ms a request, 36 a second in the busiest phase.
  assert.ok(Math.abs(demand.peak.load - 3.6) < 0.2, `${demand.peak.load}`);
  const { all, runs, p95Range } = predict(demand, recorded.counts, recorded.workers) ?? assert.fail();
  const waits = recorded.waits
    .flatMap((phase) => phase.split(' ').map((wait) => Number(wait) / 1000))
    .sort((a, b) => a - b);
  const measured = waits[Math.floor(0.95 * waits.length)] ?? 0;
  assert.equal(runs, 20);
  const error = Math.abs(all.p95 / measured - 1);
  assert.ok(error < 0.4, `p95 predicted ${all.p95}, measured ${measured}`);
  assert.ok(p95Range[0] < measured && measured < p95Range[1], `${p95Range} ${measured}`);
  // One worker more or less is told apart by far more than that error.
  assert.ok(predict(demand, recorded.counts, 5)!.all.p95 < measured / 3);
  assert.ok(predict(demand, recorded.counts, 3)!.all.p95 > 5 * measured);
});
