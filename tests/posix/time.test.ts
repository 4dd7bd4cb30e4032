import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { formatLocalTime, wallClockMicroseconds } from '../../src/posix/time.ts';
import { runInChild } from './child.ts';

/** All conversions of POSIX strftime, with those of glibc that log formats use. */
const conversions = [...'aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%'].map((letter) => `%${letter}`);
const moments = [0, 951_782_400, 1_000_000_000, 1_795_359_214, 4_102_444_799];

test('every conversion gives what date(1) gives', () => {
  const format = conversions.join('|');
  for (const moment of moments) {
    const expected = execFileSync('date', ['-d', `@${moment}`, `+${format}`], {
      env: { ...process.env, LC_ALL: 'C' },
    });
    assert.equal(`${formatLocalTime(Buffer.from(format), moment)}\n`, expected.toString());
  }
});

test('the zone is the one of TZ, summer time included', () => {
  const zone = process.env['TZ'];
  process.env['TZ'] = 'Europe/Berlin';
  try {
    const lines = runInChild(`
      const { formatLocalTime } = await posix('time.ts');
      say([1768478400, 1784116800].map((at) => formatLocalTime(Buffer.from('%H:%M %z %Z'), at).toString()));
    `);
    assert.deepEqual(lines, ['13:00 +0100 CET', '14:00 +0200 CEST']);
  } finally {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  }
});

test('bytes of the format that are no text pass unchanged', () => {
  assert.deepEqual(
    formatLocalTime(Buffer.from([0xff, 0x25, 0x25, 0xfe]), 0),
    Buffer.from([0xff, 0x25, 0xfe]),
  );
  assert.equal(formatLocalTime(Buffer.from(''), 0).length, 0);
  assert.equal(formatLocalTime(Buffer.alloc(2000, 'x'), 0).length, 0);
});

test('the clock is the wall clock, to the microsecond', () => {
  const before = Date.now();
  const time = wallClockMicroseconds();
  assert.ok(Number.isSafeInteger(time));
  assert.ok(time >= before * 1000 - 1000 && time <= (Date.now() + 1) * 1000);
});
