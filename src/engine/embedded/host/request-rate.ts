/** Requests a millisecond over the last second or so. Times are milliseconds of a monotonic clock. */

/** Long enough to count something, short enough to follow a site that gets busy. */
const periodMs = 1000;
/** The first requests of a period are no rate yet. */
const shortestMs = 100;

export class RequestRate {
  #began = Number.NEGATIVE_INFINITY;
  #count = 0;
  /** Rate of the period before. */
  #before = 0;

  /** A request was finished. */
  count(now: number): void {
    this.#turn(now);
    this.#count++;
  }

  /** The higher one of this period's rate and the last one's: too high costs a spare's memory, too low a wait. */
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
