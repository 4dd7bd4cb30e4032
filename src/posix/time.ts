/** Wall clock and calendar of the C library, so that log lines match those of C programs. */
import { check, cString, declare } from './libc.ts';

const CLOCK_REALTIME = 0;
/** struct tm with its GNU/BSD zone members, 64-bit glibc and musl. */
const tmSize = 56;
/** Room for the result; a strftime format of PHP-FPM's access.format has at most 128 bytes. */
const maxFormatted = 1024;

const cClockGettime = declare<[number, Buffer], number>('int clock_gettime(int clockid, void *tp)');
const cTzset = declare<[], void>('void tzset(void)');
const cLocaltime = declare<[Buffer, Buffer], unknown>('void *localtime_r(const void *timep, void *result)');
const cStrftime = declare<[Buffer, number, Buffer, Buffer], number>(
  'size_t strftime(void *s, size_t max, const void *format, const void *tm)',
);

let zoneIsRead = false;

/** Microseconds since the epoch by the system's clock: clock_gettime(2). Date has milliseconds only. */
export function wallClockMicroseconds(): number {
  const time = Buffer.alloc(16);
  check('clock_gettime', cClockGettime(CLOCK_REALTIME, time));
  return Number(time.readBigInt64LE(0)) * 1_000_000 + Math.floor(Number(time.readBigInt64LE(8)) / 1000);
}

/**
 * Local time by a strftime(3) format, in the C locale (Node never calls setlocale for times). Empty when the result is
 * empty or longer than 1023 bytes.
 *
 * @param format bytes of the format, passed through unchanged; must not contain a NUL byte.
 * @param seconds whole seconds since the epoch.
 */
export function formatLocalTime(format: Uint8Array, seconds: number): Buffer {
  // localtime_r(3) may skip reading TZ, so tzset runs once; TZ never changes while our processes run.
  if (!zoneIsRead) {
    cTzset();
    zoneIsRead = true;
  }
  const time = Buffer.alloc(8);
  time.writeBigInt64LE(BigInt(seconds), 0);
  const calendar = Buffer.alloc(tmSize);
  cLocaltime(time, calendar);
  const text = Buffer.alloc(maxFormatted);
  return text.subarray(0, cStrftime(text, maxFormatted, cString(format), calendar));
}
