/** Messages of a pool's host itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Allowance } from '../../src/log/allowance.ts';
import { ErrorLog } from '../../src/log/error-log.ts';
import type { Level } from '../../src/log/levels.ts';
import { PoolVoice } from '../../src/log/pool-voice.ts';
import { withoutTime } from './support.ts';

function voiceFor(level: Level = 'notice', limit = 1024) {
  const lines: string[] = [];
  const log = new ErrorLog({ level, limit, sink: (line) => lines.push(line) });
  const clock = { now: 0 };
  const limits = { bytesPerSecond: 100, burst: 1000 };
  const voice = new PoolVoice(log, 'www', () => clock.now, { output: limits, messages: limits });
  return { voice, clock, lines: () => lines.flatMap((line) => withoutTime(`${line}\n`)) };
}

test('messages of a host are one line each, bounded by log_limit and without controls', () => {
  const { voice, lines } = voiceFor('notice', 512);
  voice.message('alert', `\u009b2J\n[01-Jan-2026 00:00:00] NOTICE: forged${'x'.repeat(3000)}`);
  const [line = ''] = lines();
  assert.match(line, /^\[TIME\] ALERT: \[pool www\] \\xc2\\x9b2J\\n\[01-Jan.*\.\.\.$/);
  assert.ok(line.length < 512);
});

test('chatter is split into lines, empty ones dropped', () => {
  const { voice, lines } = voiceFor();
  voice.chatter(9, 'stderr', 'one\n\n\x1btwo\r\n');
  assert.deepEqual(lines(), [
    '[TIME] WARNING: [pool www] host 9 said into stderr: "one"',
    '[TIME] WARNING: [pool www] host 9 said into stderr: "\\x1btwo\\x0d"',
  ]);
});

test('a flood is dropped and told at the level of its worst line, where that is seen', () => {
  const { voice, clock, lines } = voiceFor('error');
  for (let i = 0; i < 5000; i++) voice.message(i % 2 === 0 ? 'alert' : 'notice', 'x'.repeat(36));
  assert.equal(lines().length, 10, 'unseen lines cost nothing');
  voice.report();
  voice.report();
  assert.match(
    lines()[10] ?? '',
    /ALERT: \[pool www\] 2490 lines of this pool were dropped in the last second/,
  );
  clock.now += 1000;
  voice.message('error', 'heard');
  voice.report();
  assert.deepEqual(lines().slice(11), ['[TIME] ERROR: [pool www] heard']);
});

test('an allowance grows with time up to its burst, and no size is too large for ever', () => {
  const allowance = new Allowance({ bytesPerSecond: 1000, burst: 2000 });
  assert.ok(allowance.take(1_000_000, 0, 0));
  assert.ok(!allowance.take(1, 0, 997_999));
  assert.ok(allowance.take(1936, 0, 1_002_000));
  assert.ok(allowance.take(0, 1, 1_002_000));
  assert.ok(!allowance.take(0, 1, 1_002_000));
  assert.ok(allowance.take(2000, 0, 9_000_000));
  assert.ok(!allowance.take(1, 0, 9_000_000), 'no more than the burst is saved up');
});
