/**
 * The prediction against what was measured: recorded-load.json is four and a half minutes of a real pool (record-load.ts),
 * made on two processors with a load average of 10. The error is stated in docs/sizing.md.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import { demandOf, type LoadSamples } from '../../src/pool/demand.ts';
import { predict } from '../../src/pool/prediction.ts';
import { predictedToReal, simulatedLoads } from './simulated-load.ts';

interface Recorded {
  readonly workers: number;
  readonly history: LoadSamples;
  readonly counts: readonly number[];
  /** By phase of load, milliseconds by blanks. */
  readonly waits: readonly string[];
}

const recorded: Recorded = JSON.parse(readFileSync(new URL('recorded-load.json', import.meta.url), 'utf8'));

/** Seconds, by phase of load. */
const phases = recorded.waits.map((phase) =>
  phase
    .split(' ')
    .map((wait) => Number(wait) / 1000)
    .sort((a, b) => a - b),
);
const p95Of = (waits: readonly number[]): number => waits[Math.floor(0.95 * waits.length)] ?? 0;

test('predicted and measured waiting', () => {
  const demand = demandOf(recorded.history) ?? assert.fail();
  // 100 ms a request, 36 a second in the busiest phase.
  assert.ok(Math.abs(demand.peak.load - 3.6) < 0.2, `${demand.peak.load}`);
  const { all, peak, runs, p95Range } = predict(demand, recorded.counts, recorded.workers) ?? assert.fail();
  const measured = p95Of(phases.flat().sort((a, b) => a - b));
  assert.equal(runs, 20);
  const error = Math.abs(all.p95 / measured - 1);
  assert.ok(error < 0.35, `p95 predicted ${all.p95}, measured ${measured}`);
  // The busiest minute is in the second phase, of a minute and a half.
  const busiest = p95Of(phases[1] ?? []);
  assert.ok(Math.abs(peak.p95 / busiest - 1) < 0.15, `p95 predicted ${peak.p95}, measured ${busiest}`);
  assert.ok(p95Range[0] < busiest && busiest < p95Range[1], `${p95Range} ${busiest}`);
  // One worker more or less is told apart by far more than that error.
  assert.ok(predict(demand, recorded.counts, 5)!.all.p95 < measured / 3);
  assert.ok(predict(demand, recorded.counts, 3)!.all.p95 > 5 * measured);
});

suite('predictions for loads of other kinds', () => {
  // The figures of docs/sizing.md are those of 40 loads each.
  for (const load of simulatedLoads) {
    test(load.name, () => {
      const ratios = [1, 2, 3].map((seed) => predictedToReal(load, 77 * seed)).sort((a, b) => a - b);
      assert.ok(ratios[1]! > 1 / 1.8 && ratios[1]! < 1.8, ratios.join());
    });
  }
});
