/**
 * max_execution_time as seen from the main thread. A thread publishes when its limit may be over; then it is asked,
 * since only it knows its CPU time, and PHP ends the script by itself. A thread that cannot be asked or does not get
 * there is reported, so that it can be ended from outside.
 */

import type { Seat } from './seat.ts';

/** How often deadlines and clients are looked at: PHP's limits are whole seconds. */
const checkMs = 100;
/** How long a thread may take to answer, and after that to end its script. */
const patienceMs = 2000;

export class ExecutionWatch {
  readonly #seats: () => Iterable<Seat>;
  readonly #onOverdue: (seat: Seat) => void;
  /** Requests that were asked about and when to look again, performance.now(). */
  readonly #nextLook = new WeakMap<object, number>();
  #timer: NodeJS.Timeout | undefined;

  /** @param onOverdue the limit is over and the script does not end. */
  constructor(seats: () => Iterable<Seat>, onOverdue: (seat: Seat) => void) {
    this.#seats = seats;
    this.#onOverdue = onOverdue;
  }

  /** Looks from now on until no request runs any more. */
  start(): void {
    this.#timer ??= setInterval(() => this.#look(), checkMs);
  }

  #look(): void {
    const now = performance.now();
    let running = 0;
    for (const seat of [...this.#seats()]) {
      const { exchange } = seat;
      if (exchange === undefined) continue;
      running++;
      exchange.lookForClient();
      if (!seat.handle.isTimeLimitDue(now) || now < (this.#nextLook.get(exchange) ?? 0)) continue;
      this.#nextLook.set(exchange, now + patienceMs);
      void this.#ask(seat, exchange);
    }
    if (running > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #ask(seat: Seat, exchange: object): Promise<void> {
    const silence = setTimeout(() => this.#overdue(seat, exchange), patienceMs);
    try {
      const answer = await seat.handle.checkTimeLimit();
      clearTimeout(silence);
      if (answer === 'stuck') this.#overdue(seat, exchange);
      // A limit that is not over yet has a new deadline, which counts as soon as it comes.
      if (answer === 'waiting') this.#nextLook.delete(exchange);
    } catch {
      // The thread cannot be reached: it ends by itself, or the timer above ends it.
    }
  }

  #overdue(seat: Seat, exchange: object): void {
    if (seat.exchange === exchange) this.#onOverdue(seat);
  }
}
