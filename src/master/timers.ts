/** The master's alarm clock: calls back at given monotonic times, and holds nothing after close. */
export class Timers {
  readonly #fire: () => void;
  readonly #now: () => number;
  #timer: NodeJS.Timeout | undefined;
  #nextAt = Number.POSITIVE_INFINITY;
  #times: number[] = [];

  /** @param now monotonic milliseconds */
  constructor(now: () => number, fire: () => void) {
    this.#now = now;
    this.#fire = fire;
  }

  wakeAt(time: number): void {
    this.#times.push(time);
    if (time < this.#nextAt) this.#arm(time);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#times = [];
    this.#nextAt = Number.POSITIVE_INFINITY;
  }

  #arm(time: number): void {
    clearTimeout(this.#timer);
    this.#nextAt = time;
    // A timer may fire up to a millisecond early: the extra one ensures that due events are due.
    this.#timer = setTimeout(() => this.#ring(), Math.max(0, Math.ceil(time - this.#now()) + 1));
  }

  #ring(): void {
    const now = this.#now();
    this.#times = this.#times.filter((time) => time > now);
    this.#nextAt = Number.POSITIVE_INFINITY;
    if (this.#times.length > 0) this.#arm(Math.min(...this.#times));
    this.#fire();
  }
}
