/** The two clocks of the scoreboard. */

/**
 * performance.now() counts from the start of this process or thread on CLOCK_MONOTONIC; hrtime is that clock itself.
 * Their difference is constant, so it is computed once and reading the clock allocates nothing.
 */
const monotonicBase = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000;

/** CLOCK_MONOTONIC in microseconds: the same in all processes of the machine, including native hosts. */
export function monotonicMicros(): number {
  return Math.round(monotonicBase + performance.now() * 1000);
}

/** CLOCK_REALTIME in microseconds since 1970, with millisecond resolution. */
export function epochMicros(): number {
  return Date.now() * 1000;
}
