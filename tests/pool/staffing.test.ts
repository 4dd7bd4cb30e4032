/** Formulas of sizing against each other and against simulation. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { allot, availableBytes, fittingWorkers, type MemoryClaim } from '../../src/pool/capacity.ts';
import { simulate } from '../../src/pool/queue-simulation.ts';
import { seededRandom } from '../../src/pool/random.ts';
import { lognormalTimes, measuredTimes, type ServiceTimes } from '../../src/pool/service-times.ts';
import { blockedShare, gainOfOneMore, waitingProbability, workersFor } from '../../src/pool/staffing.ts';
import { durationClass, noDurations } from '../../src/scoreboard/durations.ts';

const megabyte = 2 ** 20;

/** Exponential service of one second. */
const exponentialSecond: ServiceTimes = { meanSeconds: 1, draw: (random) => -Math.log(1 - random()) };

suite('staffing', () => {
  test('Erlang: known values, and falling returns', () => {
    // Of printed tables of Erlang B and C.
    assert.ok(Math.abs(blockedShare(2, 3) - 0.2105) < 1e-4);
    assert.ok(Math.abs(blockedShare(10, 10) - 0.2146) < 1e-4);
    assert.ok(Math.abs(waitingProbability(2, 3) - 0.4444) < 1e-4);
    assert.equal(waitingProbability(3, 3), 1);
    assert.equal(blockedShare(0, 3), 0);
    for (const load of [0.3, 4, 40]) {
      let last = Number.POSITIVE_INFINITY;
      for (let workers = 0; workers < 60; workers += 1) {
        const gain = gainOfOneMore(load, workers);
        assert.ok(gain >= 0 && gain <= last + 1e-12, `${load} ${workers}`);
        last = gain;
      }
    }
  });

  test('the simulation agrees with Erlang C where that holds', () => {
    for (const [load, workers] of [
      [2, 3],
      [8, 10],
    ] as const) {
      const { waited, busy } = simulate({
        workers,
        times: exponentialSecond,
        phases: [{ seconds: 60_000 / load, rate: load }],
      });
      assert.ok(Math.abs(waited - waitingProbability(load, workers)) < 0.03, `${waited}`);
      assert.ok(Math.abs(busy - load) < 0.2, `${busy}`);
    }
  });

  test('the margin of 1.5 lets few wait, whatever the size and the variance', () => {
    for (const load of [2, 5, 20, 50]) {
      for (const variation of [0.5, 1, 3]) {
        const times = lognormalTimes(0.1, variation);
        const phases = [{ seconds: 30_000 / (load / 0.1), rate: load / 0.1 }];
        const { waited } = simulate({ workers: workersFor(load), times, phases, seed: 3 });
        assert.ok(waited < 0.14, `load ${load}, variation ${variation}: ${waited}`);
      }
    }
    assert.equal(workersFor(0), 1);
  });
});

suite('simulation of a pool', () => {
  const times = lognormalTimes(0.1, 1);

  test('it repeats itself, and starts empty', () => {
    const pool = { workers: 3, times, phases: [{ seconds: 60, rate: 25 }] };
    assert.deepEqual(simulate(pool), simulate(pool));
    assert.notDeepEqual(simulate(pool), simulate({ ...pool, seed: 2 }));
    assert.equal(simulate({ ...pool, phases: [{ seconds: 5, rate: 0 }] }).arrivals, 0);
  });

  test('a queue that built up waits on into the next phase', () => {
    const { phases } = simulate({
      workers: 2,
      times,
      phases: [
        { seconds: 30, rate: 5 },
        { seconds: 30, rate: 40 },
        { seconds: 10, rate: 5 },
      ],
    });
    assert.ok(phases[0]!.p95 < 0.2 && phases[1]!.p95 > 5 && phases[2]!.p50 > 5, JSON.stringify(phases));
  });

  test('who would wait too long is sent away, and the others wait no longer than that', () => {
    const phases = [{ seconds: 120, rate: 40 }];
    const limited = simulate({ workers: 2, times, phases, maxWaitSeconds: 0.5 });
    assert.ok(limited.p99 <= 0.5);
    // Two workers, a tenth of a second each: 20 a second are served.
    assert.ok(Math.abs((limited.arrivals - limited.refused) / 120 - 20) < 1.5, `${limited.refused}`);
    const short = simulate({ workers: 2, times, phases, maxLength: 3 });
    assert.ok(short.refused > 0 && short.p99 < 1, JSON.stringify(short));
  });

  test('measured times keep their mean and their shape', () => {
    const counts = [...noDurations.counts];
    counts[durationClass(10_000)] = 90;
    counts[durationClass(1_000_000)] = 10;
    const random = seededRandom(1);
    const measured = measuredTimes(counts) ?? assert.fail();
    const scaled = measuredTimes(counts, 2 * measured.meanSeconds) ?? assert.fail();
    const drawn = Array.from({ length: 20_000 }, () => measured.draw(random));
    const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
    assert.ok(Math.abs(mean / measured.meanSeconds - 1) < 0.05, `${mean}`);
    assert.ok(Math.abs(drawn.filter((value) => value > 0.1).length / drawn.length - 0.1) < 0.01);
    assert.equal(scaled.meanSeconds, 2 * measured.meanSeconds);
    assert.equal(measuredTimes(noDurations.counts), undefined);
  });
});

suite('memory for several pools', () => {
  const claim = (name: string, load: number, wanted: number, size: number): MemoryClaim => ({
    name,
    load,
    least: 1,
    wanted,
    workerBytes: size * megabyte,
    sharedBytes: 10 * megabyte,
  });

  test('all get what they need where it fits, and not more', () => {
    const { workers, takenBytes } = allot(2000 * megabyte, [claim('www', 8, 13, 40), claim('api', 2, 5, 20)]);
    assert.deepEqual(Object.fromEntries(workers), { www: 13, api: 5 });
    assert.equal(takenBytes, (13 * 40 + 5 * 20 + 20) * megabyte);
  });

  test('where it does not, everybody has the least, and the rest goes where a byte does most', () => {
    const { workers, takenBytes } = allot(400 * megabyte, [
      claim('heavy', 8, 13, 100),
      claim('light', 8, 13, 20),
      claim('idle', 0, 5, 20),
    ]);
    assert.equal(workers.get('heavy'), 1);
    assert.equal(workers.get('idle'), 1);
    assert.equal(workers.get('light'), 12);
    assert.ok(takenBytes <= 400 * megabyte);
    const none = allot(0, [claim('www', 8, 13, 40)]);
    assert.equal(none.workers.get('www'), 1, 'a pool without a worker is no pool');
  });

  test('the reserve is a share of the limit, and what fits is never below 0', () => {
    const budget = { limitBytes: 1000, othersBytes: 300, reserve: 0.2 };
    assert.equal(availableBytes(budget), 500);
    assert.equal(availableBytes({ ...budget, othersBytes: 900 }), 0);
    assert.equal(fittingWorkers(500, 100, 99), 4);
    assert.equal(fittingWorkers(50, 100, 99), 0);
  });
});
