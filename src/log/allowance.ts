/** How much one source of lines may say: so much a second, and a burst that was saved up before. */

export interface AllowanceLimits {
  readonly bytesPerSecond: number;
  readonly burst: number;
}

/** A line costs this beside its bytes: what is written around it, and the work. */
const lineCost = 64;

export class Allowance {
  readonly #limits: AllowanceLimits;
  #left: number;
  #at = 0;

  constructor(limits: AllowanceLimits) {
    this.#limits = limits;
    this.#left = limits.burst;
  }

  /**
   * Whether something may be said. What is over the rest is still taken while there is a rest, so that no size is too
   * large for ever.
   *
   * @param now monotonic milliseconds
   */
  take(bytes: number, lines: number, now: number): boolean {
    const { bytesPerSecond, burst } = this.#limits;
    this.#left = Math.min(burst, this.#left + ((now - this.#at) / 1000) * bytesPerSecond);
    this.#at = now;
    if (this.#left <= 0) return false;
    this.#left -= bytes + lines * lineCost;
    return true;
  }
}
