import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatLine, type LineParts, timestamp } from '../../src/log/line.ts';

/** 22 November 2026, 14:53:34.000042 in the zone of this machine. */
const time = new Date(2026, 10, 22, 14, 53, 34).getTime() * 1000 + 42;
const stamp = '[22-Nov-2026 14:53:34]';

function line(parts: Partial<LineParts>): string {
  return formatLine({ level: 'notice', text: '', time, limit: 1024, style: 'file', ...parts }).toString();
}

test('a line has local time, level and text', () => {
  assert.equal(line({ text: 'fpm is running, pid 7' }), `${stamp} NOTICE: fpm is running, pid 7`);
  assert.equal(timestamp(new Date(2026, 0, 2, 3, 4, 5).getTime() * 1000, false), '[02-Jan-2026 03:04:05]');
});

test('the debug form adds microseconds, process, function and line', () => {
  const location = { pid: 12, function: 'open', line: 88 };
  assert.equal(
    line({ level: 'warning', text: 'x', location }),
    '[22-Nov-2026 14:53:34.000042] WARNING: pid 12, open(), line 88: x',
  );
  assert.equal(line({ text: 'x', location, style: 'syslog' }), '[NOTICE] open(), line 88: x');
});

test('syslog gets no time', () => {
  assert.equal(line({ level: 'alert', text: 'x', style: 'syslog' }), '[ALERT] x');
});

test('a failed system call is named behind the text', () => {
  assert.equal(
    line({ level: 'error', text: 'failed to open', failure: { errno: 13, strerror: 'Permission denied' } }),
    `${stamp} ERROR: failed to open: Permission denied (13)`,
  );
});

// fpm-behaviour 11.1: rows of total length before the newline, and what it becomes.
const prefix = `${stamp} NOTICE: `.length;
const cuts: { limit: number; total: number; becomes: number; cut: boolean }[] = [
  { limit: 1024, total: 1023, becomes: 1023, cut: false },
  { limit: 1024, total: 2047, becomes: 2047, cut: false },
  { limit: 1024, total: 2048, becomes: 1023, cut: true },
  { limit: 1024, total: 9000, becomes: 1023, cut: true },
  { limit: 512, total: 2048, becomes: 511, cut: true },
  { limit: 8192, total: 2047, becomes: 2047, cut: false },
  { limit: 8192, total: 2048, becomes: 2047, cut: true },
];
for (const { limit, total, becomes, cut } of cuts) {
  test(`a line of ${total} bytes at log_limit ${limit} ${cut ? 'is cut to' : 'stays'} ${becomes}`, () => {
    const result = line({ limit, text: 'x'.repeat(total - prefix) });
    assert.equal(result.length, becomes);
    assert.equal(result.endsWith('...'), cut);
  });
}

test('an error text that reaches log_limit has the whole line cut', () => {
  const failure = { errno: 2, strerror: 'No such file or directory' };
  const suffix = ': No such file or directory (2)'.length;
  const text = (total: number) => 'x'.repeat(total - prefix - suffix);
  assert.equal(line({ limit: 512, failure, text: text(511) }).length, 511);
  assert.ok(line({ limit: 512, failure, text: text(511) }).endsWith('(2)'));
  assert.equal(line({ limit: 512, failure, text: text(512) }).length, 511);
  assert.ok(line({ limit: 512, failure, text: text(512) }).endsWith('...'));
});

test('a message is one line whatever is in it', () => {
  assert.equal(
    line({ text: 'a\nb\x1b[31m\tc\r\x00\x7f' }),
    `${stamp} NOTICE: a\\nb\\x1b[31m\tc\\x0d\\x00\\x7f`,
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (text) => {
      const result = formatLine({ level: 'error', text, time, limit: 1024, style: 'file' });
      return result.length < 2048 && !result.some((byte) => byte < 0x20 && byte !== 0x09);
    }),
  );
});

test('bytes of a request are passed as they are, text is UTF-8', () => {
  assert.deepEqual(
    formatLine({ level: 'error', text: Buffer.from([0xe9, 0xff]), time, limit: 1024, style: 'syslog' }),
    Buffer.from([...Buffer.from('[ERROR] '), 0xe9, 0xff]),
  );
  assert.equal(line({ text: 'é' }), `${stamp} NOTICE: é`);
});
