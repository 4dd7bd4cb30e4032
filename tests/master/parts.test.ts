import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventQueue } from '../../src/master/event-queue.ts';
import { planSystemd } from '../../src/master/systemd.ts';
import { Timers } from '../../src/master/timers.ts';
import { asBinary } from '../../src/text/binary.ts';
import { noRequestTexts } from '../../src/text/request-texts.ts';
import { SlowRequests } from '../../src/watch/slow-requests.ts';

test('events are handled one after another, those that a handler adds behind the others', async () => {
  const seen: string[] = [];
  const done = Promise.withResolvers<void>();
  const queue = new EventQueue<string>((event) => {
    seen.push(`start ${event}`);
    if (event === 'a') queue.enqueue('c');
    seen.push(`end ${event}`);
    if (event === 'c') done.resolve();
  });
  queue.enqueue('a');
  queue.enqueue('b');
  assert.deepEqual(seen, [], 'nothing is handled inside enqueue');
  await done.promise;
  assert.deepEqual(seen, ['start a', 'end a', 'start b', 'end b', 'start c', 'end c']);
});

test('a closed queue handles nothing more, not even what was waiting', async () => {
  const seen: string[] = [];
  const queue = new EventQueue<string>((event) => {
    seen.push(event);
    queue.close();
  });
  queue.enqueue('a');
  queue.enqueue('b');
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.deepEqual(seen, ['a']);
});

test('timers ring for every time that was asked for, in order, and not before it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  const rings: number[] = [];
  const timers = new Timers(
    () => now,
    () => rings.push(now),
  );
  const advance = (ms: number): void => {
    now += ms;
    t.mock.timers.tick(ms);
  };
  timers.wakeAt(50);
  timers.wakeAt(10);
  advance(5);
  assert.deepEqual(rings, []);
  advance(6);
  assert.deepEqual(rings, [11]);
  advance(40);
  assert.deepEqual(rings, [11, 51]);
  timers.wakeAt(100);
  timers.close();
  advance(100);
  assert.equal(rings.length, 2, 'nothing rings after close');
});

const plans: [name: string, args: Parameters<typeof planSystemd>, intervalMs: number, watchdog: boolean][] = [
  ['the directive alone', [10, false, undefined], 10_000, false],
  ['switched off', [0, true, undefined], 0, false],
  ['a watchdog of 30 s halves to 15 s', [10, false, '30000000'], 15_000, true],
  ['a watchdog of 2 s is too short to be served', [10, false, '2000000'], 10_000, false],
  ['garbage from the environment counts for nothing', [10, false, 'soon'], 10_000, false],
];
for (const [name, args, intervalMs, watchdog] of plans) {
  test(`systemd: ${name}`, () => {
    const plan = planSystemd(...args);
    assert.equal(plan.intervalMs, intervalMs);
    assert.equal(plan.watchdog, watchdog);
  });
}

test('systemd: the watchdog is announced, and an interval that it overrules is warned about', () => {
  assert.deepEqual(planSystemd(5, true, '30000000').messages, [
    { level: 'warning', text: 'systemd_interval option ignored' },
    // The time between two signs of life, half of what systemd allows.
    { level: 'notice', text: 'systemd watchdog configured to 15sec' },
  ]);
});

test('the next master has the slow requests of the last one, the latest where they are too long', () => {
  const facts = { ...noRequestTexts, pool: 'www', pid: 1, durationMicros: 1, memoryBytes: 7 };
  const last = new SlowRequests();
  assert.equal(last.save(), undefined);
  // Bytes that are no text.
  last.add({ ...facts, at: 1, uri: asBinary('/\xff"\u0000'), stack: { reason: 'none' } });
  const next = new SlowRequests();
  next.restore(last.save() ?? '');
  assert.deepEqual(next.list(), last.list());
  assert.equal(last.save(), undefined, 'it has them already');

  const frames = Array.from({ length: 16 }, (_, line) => ({ function: 'x'.repeat(4000), file: '/a', line }));
  for (let at = 2; at < 60; at += 1) last.add({ ...facts, at, stack: { frames } });
  const text = last.save() ?? '';
  assert.ok(text.length <= 1 << 20);
  next.restore(text);
  assert.deepEqual(next.list(), last.list().slice(0, next.list().length));
  assert.ok(next.list().length >= 10);

  for (const wrong of ['', '{}', '[1]', '[{"pool":"www"}]', text.replace('"uri":"', '"uri":1,"was":"')])
    assert.throws(() => next.restore(wrong), wrong.slice(0, 20));
});

test('of slow requests the last hundred are kept, and of their stacks what fits', () => {
  const slow = new SlowRequests();
  const facts = { ...noRequestTexts, pool: 'www', pid: 1 };
  const frames = Array.from({ length: 256 }, (_, line) => ({ function: 'x'.repeat(4000), file: '/a', line }));
  for (let at = 0; at < 110; at += 1) {
    const stack = at % 2 === 0 ? { frames: frames.slice(0, at === 0 ? 256 : 3) } : { reason: 'none' };
    slow.add({ ...facts, at, durationMicros: 1, memoryBytes: undefined, stack });
    if (at > 0) continue;
    // The innermost calls come first.
    const [{ stack: kept } = { stack: {} }] = slow.list();
    assert.deepEqual('frames' in kept ? kept.frames : [], frames.slice(0, 16));
  }
  assert.deepEqual([slow.list().length, slow.list()[0]?.at, slow.list().at(-1)?.at], [100, 109, 10]);
  assert.deepEqual(slow.list()[1]?.stack, { frames: frames.slice(0, 3) });
});
