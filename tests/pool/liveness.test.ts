import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  answerLiveness,
  checkLiveness,
  type Liveness,
  newLiveness,
  pardon,
  livenessRule as rule,
} from '../../src/pool/liveness.ts';
import { hostPatience, nextEndStep } from '../../src/pool/obedience.ts';

/** Checks at these times; what came of the last one. */
function checks(memory: Liveness, times: readonly number[]): ReturnType<typeof checkLiveness> {
  let last: ReturnType<typeof checkLiveness> = { memory, asks: false, verdict: 'alive' };
  for (const now of times) last = checkLiveness(rule, last.memory, now);
  return last;
}

const seconds = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => (from + index) * 1000);

/** A question has just been asked, at 5000 ms. */
const asked = checks(newLiveness, seconds(0, 5));

test('it asks every few seconds, one question at a time', () => {
  assert.equal(checks(newLiveness, seconds(0, 4)).asks, false);
  assert.deepEqual([asked.asks, asked.memory.question, asked.verdict], [true, 1, 'alive']);
  assert.equal(checks(asked.memory, seconds(6, 19)).memory.question, 1);
  const answered = answerLiveness(asked.memory, '1');
  assert.ok(answered !== undefined);
  const again = checks(answered, seconds(6, 10));
  assert.deepEqual([again.asks, again.memory.question], [true, 2]);
});

test('without an answer a host is late, then dead', () => {
  assert.equal(checks(asked.memory, seconds(6, 7)).verdict, 'alive');
  assert.equal(checks(asked.memory, seconds(6, 8)).verdict, 'late');
  assert.equal(checks(asked.memory, seconds(6, 19)).verdict, 'late');
  assert.equal(checks(asked.memory, seconds(6, 20)).verdict, 'dead');
  assert.equal(checks(pardon(checks(asked.memory, seconds(6, 20)).memory), seconds(21, 22)).verdict, 'alive');
});

test('time in which the master did not run does not count', () => {
  // Stopped for an hour, as its hosts were.
  const woken = checks(asked.memory, [6000, 3_606_000]);
  assert.equal(woken.verdict, 'alive');
  // So busy that it comes to a check every ten seconds: as busy as the host may be.
  const slow = checks(asked.memory, [15_000, 25_000, 35_000, 45_000, 55_000, 65_000, 75_000, 85_000, 95_000]);
  assert.equal(slow.verdict, 'late');
});

test('only the answer to the open question counts', () => {
  assert.equal(answerLiveness(newLiveness, '0'), undefined);
  for (const id of ['0', '2', '01', '1x', '']) assert.equal(answerLiveness(asked.memory, id), undefined, id);
  const answered = answerLiveness(asked.memory, '1');
  assert.ok(answered !== undefined);
  assert.equal(answerLiveness(answered, '1'), undefined, 'twice');
});

test('a host that answers each question before the next check is never late, whenever the checks come', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(60_000), { maxLength: 100 }), (gaps) => {
      let memory = newLiveness;
      let now = 0;
      for (const gap of gaps) {
        now += gap;
        const check = checkLiveness(rule, memory, now);
        assert.equal(check.verdict, 'alive');
        memory = check.memory;
        if (check.asks) memory = answerLiveness(memory, String(memory.question)) ?? memory;
      }
    }),
  );
});

test('a worker that does not end is ended by the master, then its host is out of order', () => {
  const { obeyMs } = hostPatience;
  const order = { since: 1000, isForced: false };
  assert.equal(nextEndStep(order, true, 1000 + obeyMs - 1, hostPatience), 'wait');
  assert.equal(nextEndStep(order, true, 1000 + obeyMs, hostPatience), 'force');
  assert.equal(nextEndStep(order, false, 1000 + obeyMs, hostPatience), 'force');
  const forced = { since: 6000, isForced: true };
  assert.equal(nextEndStep(forced, false, 6000 + obeyMs - 1, hostPatience), 'wait');
  assert.equal(nextEndStep(forced, false, 6000 + obeyMs, hostPatience), 'replaceHost');
  // In a system call that nothing ends.
  assert.equal(nextEndStep(forced, true, 600_000, hostPatience), 'wait');
});
