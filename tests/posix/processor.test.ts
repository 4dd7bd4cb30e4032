/** Whether the processor is used up: time, pressure where it is told, a quota. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isProcessorUsedUp, readProcessor } from '../../src/posix/processor.ts';
import { TestFolder } from '../harness/folder.ts';

interface Moment {
  readonly busy: number;
  readonly idle: number;
  readonly pressure?: string;
  readonly throttled?: number;
}

function reading(at: number, { busy, idle, pressure, throttled }: Moment) {
  using root = new TestFolder();
  root.write('proc/stat', `cpu  ${busy} 0 0 ${idle} 10 0 0 0 5 0\ncpu0 1 1 1 1\n`);
  root.write('proc/self/cgroup', '4:memory:/x\n0::/shop\n');
  if (pressure !== undefined)
    root.write('proc/pressure/cpu', `some avg10=${pressure} avg60=0.00 avg300=0.00 total=1\n`);
  if (throttled !== undefined)
    root.write('sys/fs/cgroup/shop/cpu.stat', `usage_usec 1\nnr_throttled 3\nthrottled_usec ${throttled}\n`);
  return readProcessor(at, root.path);
}

/** Over a second from nothing. */
function isUsedUp(moment: Moment): boolean {
  const { busy, idle, ...rest } = moment;
  return isProcessorUsedUp(
    reading(0, { ...rest, busy: 0, idle: 0, throttled: 0 }),
    reading(1000, { ...rest, busy, idle }),
  );
}

test('by time, where no pressure is told', () => {
  assert.equal(isUsedUp({ busy: 196, idle: 4 }), true);
  assert.equal(isUsedUp({ busy: 150, idle: 50 }), false);
  assert.equal(isUsedUp({ busy: 196, idle: 4, pressure: '0.00' }), true, 'a zero that cannot be true');
});

test('by pressure where it tells the truth: a busy machine without a queue for its processors has room', () => {
  assert.equal(isUsedUp({ busy: 200, idle: 0, pressure: '12.50' }), false);
  assert.equal(isUsedUp({ busy: 200, idle: 0, pressure: '85.00' }), true);
  assert.equal(
    isUsedUp({ busy: 20, idle: 180, pressure: '85.00' }),
    false,
    'pressure of the last ten seconds',
  );
});

test('by a quota that holds the cgroup back, however idle the machine is', () => {
  assert.equal(isUsedUp({ busy: 20, idle: 180, throttled: 500_000 }), true);
  assert.equal(isUsedUp({ busy: 20, idle: 180, throttled: 50_000 }), false);
});

test('nothing of it is there: not used up', () => {
  using root = new TestFolder();
  const nothing = readProcessor(0, root.path);
  assert.equal(isProcessorUsedUp(nothing, { ...nothing, at: 1000 }), false);
  assert.ok(readProcessor(0).total > 0, 'this machine');
});
