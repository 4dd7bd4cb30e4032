/** The two clocks of the scoreboard. */

/**
 * performance.now() counts from the start of this process or thread on CLOCK_MONOTONIC; hrtime shows that clock
 * itself. The difference between the two is constant, so it is taken once and reading the clock allocates nothing.
 */
const monotonicBase = Number(process.hrtime.bigint() / 1000n) - performance.now() * 1000;

/** CLOCK_MONOTONIC in microseconds: the same in all processes of the machine, host programs in C included. */
export function monotonicMicros(): number {
  return Math.round(monotonicBase + performance.now() * 1000);
}

/** CLOCK_REALTIME in microseconds since 1970, of millisecond resolution. */
export function epochMicros(): number {
  return Date.now() * 1000;
}
