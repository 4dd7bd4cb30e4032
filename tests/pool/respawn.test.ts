import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CrashTimes, noteCrash } from '../../src/pool/emergency.ts';
import {
  type BackOffMemory,
  initialBackOff,
  isUsefulWorkerLife,
  replacementTime,
  workerBackOff,
} from '../../src/pool/respawn.ts';

/** Feeds deaths in, each `time` or `+time` for one after a useful life, and tells when they are replaced. */
function replacements(...deaths: (number | `+${number}`)[]): number[] {
  let memory: BackOffMemory = initialBackOff;
  return deaths.map((death) => {
    const decision = replacementTime(workerBackOff, memory, Number(death), typeof death === 'string');
    memory = decision.memory;
    return decision.at;
  });
}

test('a single useless life is replaced at once', () => {
  assert.deepEqual(replacements(5), [5]);
});

test('useless lives in a row are held up for longer and longer', () => {
  assert.deepEqual(replacements(0, 101, 302, 703), [0, 301, 702, 1503]);
});

test('the longest wait has a limit', () => {
  let memory = initialBackOff;
  let now = 0;
  for (let death = 0; death < 40; death += 1) {
    const decision = replacementTime(workerBackOff, memory, now, false);
    assert.ok(decision.at - now <= workerBackOff.longestMillis);
    memory = decision.memory;
    now = Math.max(decision.at, memory.roundEndsAt) + 1;
  }
  assert.equal(replacementTime(workerBackOff, memory, now, false).at - now, workerBackOff.longestMillis);
});

test('deaths of one round are replaced together', () => {
  assert.deepEqual(replacements(0, 10, 99, 100), [0, 100, 100, 300]);
});

test('a useful life is replaced at once and ends the series', () => {
  assert.deepEqual(replacements(0, 101, '+150', 400), [0, 301, 150, 400]);
});

test('a quiet time ends the series', () => {
  const { quietMillis } = workerBackOff;
  assert.deepEqual(replacements(0, 101, 302 + quietMillis), [0, 301, 302 + quietMillis]);
  assert.deepEqual(replacements(0, 101, 301 + quietMillis), [0, 301, 701 + quietMillis]);
});

test('a life was useful with a request or after a second', () => {
  assert.equal(isUsefulWorkerLife(0, 1), true);
  assert.equal(isUsefulWorkerLife(999, 0), false);
  assert.equal(isUsefulWorkerLife(1000, 0), true);
});

test('a pool that cannot start costs at most a few starts a second', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 50 }), (workers, lifetime) => {
      let memory = initialBackOff;
      let starts = 0;
      let births = Array.from({ length: workers }, () => 0);
      for (;;) {
        births.sort((left, right) => left - right);
        const now = births.shift()! + lifetime;
        if (now > 30_000) break;
        const decision = replacementTime(workerBackOff, memory, now, false);
        memory = decision.memory;
        births = [...births, decision.at];
        starts += 1;
      }
      // Rounds of 0.1 + 0.2 + 0.4 ... seconds: nine of them in half a minute.
      assert.ok(starts <= 10 * workers + 1, `${starts} starts of ${workers} workers`);
    }),
    { numRuns: 50 },
  );
});

test('the threshold of crashes within the interval is due for a reload', () => {
  const settings = { emergency_restart_threshold: 3, emergency_restart_interval: 10 };
  let crashes: CrashTimes = [];
  const crash = (seconds: number): string | undefined => {
    const decision = noteCrash(settings, crashes, seconds * 1000);
    crashes = decision.crashes;
    return decision.reload?.text;
  };
  const text = 'failed processes threshold (3 in 10 sec) is reached, initiating reload';
  assert.equal(crash(0), undefined);
  assert.equal(crash(5), undefined);
  assert.equal(crash(11), undefined, 'the first one is too old');
  assert.equal(crash(15.9), text, 'ten seconds, whole ones, is not too old');
  assert.equal(crash(16), undefined, 'counting starts anew');
  assert.equal(crash(16), undefined);
  assert.equal(crash(16), text);
});

test('the emergency restart needs both settings', () => {
  for (const [threshold, interval] of [
    [0, 10],
    [1, 0],
    [0, 0],
  ] as const) {
    const settings = { emergency_restart_threshold: threshold, emergency_restart_interval: interval };
    assert.deepEqual(noteCrash(settings, [], 1000), { crashes: [] });
  }
});
