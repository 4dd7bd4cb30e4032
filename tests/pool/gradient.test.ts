/** The adaptive limit in a simulated pool. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { newGradient, stepGradient } from '../../src/pool/gradient.ts';

/** Seconds of a pool whose excess is refused at once; a request takes so many milliseconds at that second. */
function run(
  seconds: number,
  workers: number,
  rate: (second: number) => number,
  service: (second: number) => number,
) {
  let memory = newGradient(workers);
  let queue = 0;
  const limits: number[] = [];
  let served = 0;
  let refused = 0;
  for (let second = 0; second < seconds; second += 1) {
    const capacity = (1000 * workers) / service(second);
    const arrived = rate(second);
    const done = Math.min(capacity, queue + arrived);
    served += done;
    queue = Math.max(0, queue + arrived - done);
    const room = Math.max(1, Math.floor(memory.limit) - workers);
    refused += Math.max(0, queue - room);
    queue = Math.min(queue, room);
    const busy = Math.min(workers, (done * service(second)) / 1000);
    const micros = done === 0 ? undefined : 1000 * service(second) + (queue / done) * 1e6;
    memory = stepGradient(memory, { micros, inside: busy + queue, workers });
    limits.push(memory.limit);
  }
  return { limits, served, refused, queue };
}

suite('the adaptive limit', () => {
  test('twice the capacity after a quiet time: the queue stays short, and the workers have always something to do', () => {
    const load = (second: number) => (second < 600 ? 50 : 160);
    const { limits, served, refused } = run(720, 8, load, () => 100);
    assert.ok(served >= 0.95 * (600 * 50 + 120 * 80), `${served}`);
    assert.ok(refused > 120 * 70, `${refused}`);
    // A wait of up to a third of a second for requests that take a tenth, not of minutes.
    assert.ok(
      limits.slice(610).every((limit) => limit > 8 && limit < 32),
      `${Math.max(...limits.slice(610))}`,
    );
  });

  test('where it has always been too much, it comes to accept longer waits, by less than one a second', () => {
    const { limits } = run(
      300,
      8,
      () => 160,
      () => 100,
    );
    for (let second = 1; second < limits.length; second += 1)
      assert.ok(limits[second]! - limits[second - 1]! < 1, `${limits[second]}`);
  });

  test('below the capacity nobody is refused, and the limit stays', () => {
    const { limits, refused } = run(
      300,
      8,
      () => 40,
      () => 100,
    );
    assert.equal(refused, 0);
    assert.equal(limits.at(-1), newGradient(8).limit);
  });

  test('a database that becomes slow is the new usual after a while, and no limit below the workers', () => {
    const { limits, served } = run(
      2000,
      8,
      () => 60,
      (second) => (second < 500 ? 100 : 400),
    );
    assert.ok(Math.min(...limits) >= 9);
    assert.ok(served >= 0.95 * (500 * 60 + 1500 * 20), `${served}`);
  });

  test('without requests nothing is learnt', () => {
    const fresh = newGradient(4);
    assert.equal(stepGradient(fresh, { micros: undefined, inside: 0, workers: 4 }), fresh);
  });
});
