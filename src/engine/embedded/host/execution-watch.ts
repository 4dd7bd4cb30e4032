/**
 * Looks at running requests from the main thread: their clients, the growth of their memory, and max_execution_time. A thread publishes when its limit may have passed; then it is asked, since
 * only it knows its CPU time, and PHP ends the script itself. A thread that cannot be asked or does not react is
 * reported, so that it can be ended from outside.
 */

import type { SlotWorker } from './slot-worker.ts';

/** Check interval of deadlines and clients: PHP's limits are whole seconds. */
const checkMs = 100;
/** Time for a thread to answer, and after that to end its script. */
const patienceMs = 2000;

export class ExecutionWatch {
  readonly #workers: () => Iterable<SlotWorker>;
  readonly #onOverdue: (worker: SlotWorker) => void;
  readonly #onLook: (worker: SlotWorker) => void;
  /** Requests that were asked about and the time of the next check, performance.now(). */
  readonly #nextLook = new WeakMap<object, number>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param onOverdue the limit has passed and the script does not end
   * @param onLook called ten times a second for each worker with a request
   */
  constructor(
    workers: () => Iterable<SlotWorker>,
    onOverdue: (worker: SlotWorker) => void,
    onLook: (worker: SlotWorker) => void,
  ) {
    this.#workers = workers;
    this.#onOverdue = onOverdue;
    this.#onLook = onLook;
  }

  /** Checks from now on until no request is running. */
  start(): void {
    this.#timer ??= setInterval(() => this.#look(), checkMs);
  }

  #look(): void {
    const now = performance.now();
    let running = 0;
    for (const worker of [...this.#workers()]) {
      const { exchange } = worker;
      if (exchange === undefined) continue;
      running++;
      exchange.lookForClient();
      this.#onLook(worker);
      if (!worker.handle.isTimeLimitDue(now) || now < (this.#nextLook.get(exchange) ?? 0)) continue;
      this.#nextLook.set(exchange, now + patienceMs);
      void this.#ask(worker, exchange);
    }
    if (running > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  async #ask(worker: SlotWorker, exchange: object): Promise<void> {
    const silence = setTimeout(() => this.#overdue(worker, exchange), patienceMs);
    try {
      const answer = await worker.handle.checkTimeLimit();
      clearTimeout(silence);
      if (answer === 'stuck') this.#overdue(worker, exchange);
      // A limit that has not passed has a new deadline, which applies at once.
      if (answer === 'waiting') this.#nextLook.delete(exchange);
    } catch {
      // The thread is unreachable: it ends by itself, or the timer above ends it.
    }
  }

  #overdue(worker: SlotWorker, exchange: object): void {
    if (worker.exchange === exchange) this.#onOverdue(worker);
  }
}
