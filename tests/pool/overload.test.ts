/** Refusal of connections that would wait too long, in a simulated kernel queue. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { checkOverload, noOverload, overloadPeriodMillis } from '../../src/pool/overload.ts';
import { exponential, seededRandom } from '../../src/pool/random.ts';

interface Load {
  readonly workers: number;
  /** Arrivals a second at that second. */
  readonly rate: (second: number) => number;
  /** Seconds; 0 for workers that never finish. */
  readonly service: number;
  readonly seconds: number;
  readonly maxWait?: number;
  readonly maxLength?: number;
  /** Requests that each connection brings: more than one on kept connections. */
  readonly requests?: number;
}

/** A pool whose head of the queue is cut as the decisions say. Times in milliseconds. */
function run(load: Load) {
  const random = seededRandom(5);
  const settings = {
    name: 'www',
    'queue.max_wait': load.maxWait ?? 0,
    'queue.max_length': load.maxLength ?? 0,
    'queue.adaptive': false,
  };
  const queue: number[] = [];
  const busy: number[] = [];
  const waits: number[] = [];
  const refusedWaits: number[] = [];
  const messages: string[] = [];
  let memory = noOverload;
  let begun = 0;
  let longest = 0;
  let next = 0;
  for (let now = 0; now < load.seconds * 1000; now += 1) {
    for (; next <= now; next += 1000 * exponential(Math.max(1e-9, load.rate(now / 1000)), random))
      queue.push(next);
    for (let index = busy.length - 1; index >= 0; index -= 1) if (busy[index]! <= now) busy.splice(index, 1);
    while (busy.length < load.workers && queue.length > 0) {
      waits.push(now - queue.shift()!);
      busy.push(load.service === 0 ? Number.POSITIVE_INFINITY : now + 2000 * load.service * random());
      begun += load.requests ?? 1;
    }
    longest = Math.max(longest, queue.length);
    if (now % overloadPeriodMillis !== 0) continue;
    const isBusy = busy.length === load.workers;
    const decision = checkOverload(settings, memory, { now, queue: queue.length, begun, isBusy });
    memory = decision.memory;
    messages.push(...decision.messages.map(({ text }) => text));
    for (const arrived of queue.splice(0, decision.refuse)) refusedWaits.push(now - arrived);
  }
  const sorted = waits.sort((a, b) => a - b);
  return {
    served: waits.length,
    p99: sorted[Math.floor(0.99 * sorted.length)] ?? 0,
    refusedWaits,
    messages,
    longest,
    refused: memory.refused,
  };
}

const twice: Load = { workers: 8, rate: () => 160, service: 0.1, seconds: 60 };

suite('overload', () => {
  test('twice the capacity: nobody served waits longer than allowed, and nothing of the capacity is lost', () => {
    const without = run(twice);
    assert.ok(without.p99 > 20_000, 'without a limit the queue grows for ever');
    for (const maxWait of [1, 3]) {
      const { served, p99, refusedWaits, refused } = run({ ...twice, maxWait });
      assert.ok(p99 <= maxWait * 1000, `${p99}`);
      assert.ok(served >= 0.95 * without.served, `${served} of ${without.served}`);
      assert.ok(refused > 4000);
      assert.ok(Math.max(...refusedWaits) <= maxWait * 1000, `${Math.max(...refusedWaits)}`);
    }
  });

  test('a limit of the length holds it, but for what comes between two looks', () => {
    const { longest, served } = run({ ...twice, maxLength: 20 });
    assert.ok(longest <= 20 + 0.1 * 160 * 2, `${longest}`);
    assert.ok(served >= 0.95 * run(twice).served);
  });

  test('workers that hang: nobody waits for longer than allowed', () => {
    const { refusedWaits, served } = run({ ...twice, service: 0, rate: () => 10, seconds: 20, maxWait: 3 });
    assert.equal(served, 8);
    assert.ok(Math.max(...refusedWaits) <= 3300, `${Math.max(...refusedWaits)}`);
    // All but those of the last three seconds.
    assert.ok(refusedWaits.length >= 130, `${refusedWaits.length}`);
  });

  test('below the capacity nobody is refused, nor in a burst that the limit has room for', () => {
    assert.equal(run({ ...twice, rate: () => 60, maxWait: 1, maxLength: 50 }).refused, 0);
    const burst = run({ ...twice, rate: (second) => (second > 10 && second < 11 ? 200 : 40), maxWait: 5 });
    assert.equal(burst.refused, 0);
  });

  test('kept connections make it refuse less, not more', () => {
    const { refused, served } = run({ ...twice, maxWait: 1, requests: 10 });
    assert.ok(refused <= run({ ...twice, maxWait: 1 }).refused && served > 4000);
  });

  test('an episode has one line at its begin and one at its end', () => {
    const { messages, refused } = run({
      ...twice,
      rate: (second) => (second > 5 && second < 15 ? 200 : 20),
      maxWait: 1,
    });
    assert.equal(messages.length, 2, messages.join('\n'));
    assert.match(
      messages[0] ?? '',
      /^\[pool www\] overloaded: \d+ connections wait; those beyond queue\.max_wait = 1s are answered with 503$/,
    );
    assert.match(
      messages[1] ?? '',
      new RegExp(`the overload is over: ${refused} connections were refused in \\d+ s$`),
    );
  });
});
