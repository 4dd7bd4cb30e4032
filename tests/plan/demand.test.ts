/** Demand on a pool in the last hour, and the resulting settings. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { type MeasuredPool, planCapacity } from '../../src/pool/capacity-plan.ts';
import { demandOf } from '../../src/pool/demand.ts';
import { adviceFor, requestsUntilRenewal } from '../../src/pool/pool-advice.ts';
import { hour, type Moment } from './history.ts';

const megabyte = 2 ** 20;
const quiet: Moment = { rate: 2, meanMicros: 100_000 };

function demand(momentAt: (minute: number) => Moment, limit = 10) {
  return demandOf(hour(momentAt, limit)) ?? assert.fail();
}

suite('demand', () => {
  test('the busiest minute is found, and time has its weight', () => {
    const { peak, meanLoad, minutes, seconds } = demand((minute) =>
      minute === 42 ? { rate: 30, meanMicros: 200_000 } : quiet,
    );
    assert.equal(minutes.length, 60);
    assert.equal(seconds, 3600);
    assert.ok(Math.abs(peak.load - 6) < 0.01 && Math.abs((peak.serviceSeconds ?? 0) - 0.2) < 1e-9);
    assert.ok(Math.abs(meanLoad - (0.2 * 59 + 6) / 60) < 0.01);
  });

  test('requests that have not ended count by the workers that they keep busy', () => {
    const { peak } = demand((minute) =>
      minute === 10 ? { rate: 0.1, meanMicros: null, busyMean: 7, busy: 7 } : quiet,
    );
    assert.equal(peak.load, 7);
    // The noise of looking once a second is no demand.
    const steady = demand(() => ({ rate: 20, meanMicros: 100_000, busyMean: 2.1 }));
    assert.ok(Math.abs(steady.peak.load - 2) < 0.01, `${steady.peak.load}`);
  });

  test('who waits is wanted as well, and a full pool says that more may have been', () => {
    let queue = 0;
    const { peak, isCut } = demand((minute) => {
      if (minute === 30) queue += 10;
      return minute === 30 ? { rate: 20, meanMicros: 500_000, busy: 10, queue } : quiet;
    });
    // 20 a second were served, and the queue grew by two a second.
    assert.ok(isCut && Math.abs(peak.load - 11) < 0.1, `${peak.load}`);
  });

  test('nothing is known before the second sample', () => {
    assert.equal(demandOf(hour(() => quiet, 10, 0)), undefined);
    assert.equal(demandOf(hour(() => ({ rate: 0, meanMicros: null })))?.peak.load, 0);
  });
});

suite('advice', () => {
  const advice = (momentAt: (minute: number) => Moment, workers: number) =>
    Object.fromEntries(
      adviceFor({
        processManager: 'dynamic',
        demand: demand(momentAt),
        workers,
        workerBytes: 40 * megabyte,
        growthBytesPerRequest: undefined,
      }).map(({ directive, value }) => [directive, value]),
    );

  test('steady: static; rare: ondemand; else dynamic within its own limits', () => {
    assert.deepEqual(
      advice(() => ({ rate: 50, meanMicros: 100_000 }), 9),
      {
        pm: 'static',
        'pm.max_children': '9',
      },
    );
    assert.deepEqual(
      advice((minute) => (minute === 5 ? { rate: 0.1, meanMicros: 1e5 } : { rate: 0, meanMicros: null }), 1),
      {
        pm: 'ondemand',
        'pm.max_children': '1',
      },
    );
    for (const workers of [1, 2, 3, 12, 40]) {
      const dynamic = advice(
        (minute) => (minute === 5 ? { rate: 200, meanMicros: 100_000 } : quiet),
        workers,
      );
      assert.equal(dynamic['pm'], 'dynamic');
      const [start, least, most] = ['start_servers', 'min_spare_servers', 'max_spare_servers'].map((name) =>
        Number(dynamic[`pm.${name}`]),
      );
      assert.ok(
        least! >= 1 && least! <= start! && start! <= most! && most! <= workers,
        JSON.stringify(dynamic),
      );
    }
  });

  test('a worker is renewed when it has grown by half, one that does not grow never', () => {
    assert.equal(requestsUntilRenewal(40 * megabyte, 10 * 1024), 2000);
    assert.equal(requestsUntilRenewal(40 * megabyte, 63), 0);
    assert.equal(
      requestsUntilRenewal(40 * megabyte, 10 * megabyte),
      100,
      'never so often that starts are the load',
    );
  });
});

suite('the plan', () => {
  const pool = (name: string, rate: number, averageBytes: number | undefined): MeasuredPool => ({
    name,
    processManager: 'dynamic',
    maxChildren: 30,
    demand: demand(() => ({ rate, meanMicros: 100_000 })),
    sharedBytes: 60 * megabyte,
    workerMemory:
      averageBytes === undefined
        ? undefined
        : {
            measured: 3,
            averageBytes,
            largestBytes: averageBytes,
            peakBytes: averageBytes,
            growthBytesPerRequest: undefined,
          },
  });

  test('needs, costs, what fits, and what the limit allows at worst', () => {
    const { pools, costBytes, availableBytes } = planCapacity(
      [pool('www', 40, 30 * megabyte), pool('api', 10, 20 * megabyte)],
      { limitBytes: 1000 * megabyte, othersBytes: 100 * megabyte, reserve: 0.2 },
    );
    const [www, api] = pools;
    assert.deepEqual([www?.needed, api?.needed], [7, 3]);
    assert.equal(www?.costBytes, (60 + 7 * 30) * megabyte);
    assert.equal(www?.worstBytes, (60 + 30 * 30) * megabyte);
    assert.equal(availableBytes, 700 * megabyte);
    // 700 - 120 of the other pool - 60 shared, by 30 each.
    assert.equal(www?.fits, 17);
    assert.equal(costBytes, (60 + 210 + 60 + 60) * megabyte);
  });

  test('where not all fit the pool gets less than it needs; of unknown size nothing is claimed to fit', () => {
    const budget = { limitBytes: 200 * megabyte, othersBytes: 0, reserve: 0 };
    const small = planCapacity([pool('www', 40, 30 * megabyte), pool('api', 40, undefined)], budget);
    assert.ok(small.pools[0]!.recommended < small.pools[0]!.needed);
    assert.equal(small.pools[1]?.fits, undefined);
    assert.equal(small.costBytes, undefined);
    assert.equal(planCapacity([pool('www', 40, 30 * megabyte)], undefined).pools[0]?.recommended, 7);
  });
});
