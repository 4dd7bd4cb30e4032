/** Requests per millisecond over about the last second. Times are milliseconds of a monotonic clock. */

/** Long enough to count something, short enough to follow a rising load. */
const periodMs = 1000;
/** Shorter periods give no rate yet. */
const shortestMs = 100;

export class RequestRate {
  #began = Number.NEGATIVE_INFINITY;
  #count = 0;
  /** Rate of the previous period. */
  #before = 0;

  /** A request was finished. */
  count(now: number): void {
    this.#turn(now);
    this.#count++;
  }

  /** The higher rate of this and the previous period: too high costs a spare's memory, too low a wait. */
  perMs(now: number): number {
    this.#turn(now);
    return Math.max(this.#before, this.#count / Math.max(shortestMs, now - this.#began));
  }

  #turn(now: number): void {
    const passed = now - this.#began;
    if (passed < periodMs) return;
    this.#before = this.#count / passed;
    this.#count = 0;
    this.#began = now;
  }
}
