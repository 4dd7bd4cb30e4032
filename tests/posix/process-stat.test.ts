import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseStat, processStat, threadStat } from '../../src/posix/process-stat.ts';
import { threadId } from '../../src/posix/thread-id.ts';

test('a name cannot forge the figures behind it', () => {
  const fields = Array.from({ length: 50 }, (_, index) => index + 3);
  const text = `42 (a) R 9 9) ${fields.join(' ')}\n`;
  assert.deepEqual(parseStat(text, 4096), {
    startTicks: 22,
    cpuMicros: (14 + 15) * 10_000,
    childrenCpuMicros: (16 + 17) * 10_000,
    residentBytes: 24 * 4096,
  });
  assert.equal(parseStat('42 (short) R 1', 4096), undefined);
  assert.equal(parseStat('', 4096), undefined);
});

test('this process and this thread', () => {
  const own = processStat(process.pid);
  const usage = process.cpuUsage();
  assert.ok(own !== undefined);
  assert.ok(Math.abs(own.cpuMicros - usage.user - usage.system) < 200_000);
  assert.ok(Math.abs(own.residentBytes - process.memoryUsage.rss()) < 20 * 2 ** 20);
  assert.equal(threadStat(process.pid, threadId())?.startTicks, own.startTicks);
  assert.equal(processStat(0), undefined);
});
