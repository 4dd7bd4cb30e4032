/** Workers renewed because of memory, and the script to blame. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { leaks, noLeaks, noteLook } from '../../src/pool/leak-detector.ts';
import { exponential, seededRandom } from '../../src/pool/random.ts';
import { chooseLeavers, isOverHardLimit, ownLimit, type SizedWorker } from '../../src/pool/recycling.ts';
import { timeoutPeriod } from '../../src/pool/timeouts.ts';
import { asBinary } from '../../src/text/binary.ts';

const megabyte = 2 ** 20;
const limits = { 'pm.max_memory': 100 * megabyte, 'pm.max_memory_hard': 200 * megabyte };

function worker(pid: number, bytes: number, requests = 0, isLeaving = false): SizedWorker {
  return { slot: pid - 1, pid, bytes: bytes * megabyte, requests, isLeaving };
}

suite('recycling by memory', () => {
  test('own limits lie apart in the last tenth', () => {
    const own = Array.from({ length: 50 }, (_, index) => ownLimit(1000, 4000 + index));
    assert.ok(own.every((limit) => limit > 899 && limit <= 1000));
    assert.equal(new Set(own.map((limit) => Math.floor(limit / 5))).size, 20, 'all over it');
  });

  test('the largest first, and never more than a quarter of the pool at a time', () => {
    const pool = [120, 130, 140, 80, 150, 60, 50, 110].map((size, index) => worker(index + 1, size));
    assert.deepEqual(
      chooseLeavers(limits, 0, pool).map(({ pid }) => pid),
      [5, 3],
    );
    const half = pool.map((one) => ({ ...one, isLeaving: one.pid === 5 || one.pid === 3 }));
    assert.deepEqual(chooseLeavers(limits, 0, half), []);
    assert.equal(
      chooseLeavers(limits, 0, [worker(1, 101)]).length,
      1,
      'a pool of one renews it all the same',
    );
  });

  test('the reason says what it takes and what is allowed; no limit, no leaver', () => {
    assert.deepEqual(chooseLeavers(limits, 0, [worker(7, 120)]), [
      { slot: 6, pid: 7, reason: 'takes 120 MB, pm.max_memory is 100 MB' },
    ]);
    assert.match(
      chooseLeavers(limits, 500, [worker(7, 20, 500)])[0]?.reason ?? '',
      /has served 500 requests/,
    );
    const none = { 'pm.max_memory': 0, 'pm.max_memory_hard': 0 };
    assert.deepEqual(chooseLeavers(none, 0, [worker(7, 9000, 1e9)]), []);
    assert.equal(isOverHardLimit(none, 1e12), false);
    assert.equal(isOverHardLimit(limits, 200 * megabyte), false);
    assert.equal(isOverHardLimit(limits, 200 * megabyte + 1), true);
  });

  test('a hard limit has the master look four times a second', () => {
    const settings = {
      name: 'www',
      request_terminate_timeout: 0,
      request_terminate_timeout_track_finished: false,
      request_slowlog_timeout: 0,
    };
    assert.equal(timeoutPeriod([settings]), undefined);
    assert.equal(timeoutPeriod([{ ...settings, ...limits }]), 250);
    assert.equal(timeoutPeriod([{ ...settings, ...limits, request_slowlog_timeout: 60 }]), 250);
    assert.equal(timeoutPeriod([{ ...settings, request_slowlog_timeout: 60 }]), 20_000);
  });
});

suite('the leak detector', () => {
  /** Looks at workers that run these scripts at random; what each leaves behind in bytes, with noise of 64 KiB. */
  function run(leaving: Readonly<Record<string, number>>, looks: number, mean: number, seed = 1) {
    const random = seededRandom(seed);
    const names = Object.keys(leaving);
    let memory = noLeaks;
    for (let look = 0; look < looks; look += 1) {
      const requests = 1 + Math.floor(exponential(1 / mean, random));
      let grownBytes = (random() - 0.5) * 131_072;
      let script = '';
      for (let request = 0; request < requests; request += 1) {
        script = names[Math.floor(random() * names.length)]!;
        grownBytes += leaving[script]!;
      }
      memory = noteLook(memory, { script: asBinary(script), requests, grownBytes });
    }
    return leaks(memory);
  }

  test('it names the script and how much, whatever runs beside it', () => {
    const [first, ...rest] = run({ '/a.php': 0, '/leak.php': 40_000, '/b.php': 0 }, 600, 2);
    assert.equal(first?.script, '/leak.php');
    assert.ok(Math.abs(first.bytesPerRequest - 40_000) < 15_000, `${first.bytesPerRequest}`);
    assert.deepEqual(rest, []);
    const two = run({ '/a.php': 0, '/much.php': 90_000, '/less.php': 30_000 }, 1500, 1);
    assert.deepEqual(
      two.map(({ script }) => script),
      ['/much.php', '/less.php'],
    );
  });

  test('workers that only breathe have no leak, and a few looks name nobody', () => {
    for (const seed of [1, 2, 3, 4, 5])
      assert.deepEqual(run({ '/a.php': 0, '/b.php': 100 }, 500, 2, seed), []);
    assert.deepEqual(run({ '/leak.php': 1e6 }, 19, 1), []);
  });

  test('many requests between two looks make it slower, and blame nobody wrongly', () => {
    for (const seed of [1, 2, 3]) {
      const found = run({ '/a.php': 0, '/leak.php': 80_000, '/b.php': 0, '/c.php': 0 }, 4000, 15, seed);
      assert.equal(found[0]?.script, '/leak.php', JSON.stringify(found));
      for (const { bytesPerRequest } of found.slice(1))
        assert.ok(bytesPerRequest < 20_000, JSON.stringify(found));
    }
  });

  test('it holds so many scripts and no more', () => {
    let memory = noLeaks;
    for (let index = 0; index < 1000; index += 1)
      memory = noteLook(memory, { script: asBinary(`/${index}.php`), requests: 1, grownBytes: 1e6 });
    assert.equal(memory.scripts.size, 200);
    assert.equal(
      noteLook(memory, { script: asBinary('/x'), requests: 100, grownBytes: 1 }),
      memory,
      'tells too little',
    );
  });
});
