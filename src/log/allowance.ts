/** Rate limit for one source of lines: bytes a second, and a saved-up burst. */

export interface AllowanceLimits {
  readonly bytesPerSecond: number;
  readonly burst: number;
}

/** Cost of a line beyond its bytes: its prefix and the work. */
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
   * Whether the source may log these bytes. As long as anything is left, any size is admitted, so that no size is
   * refused for ever.
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
