/**
 * The one loop of the master: whoever has news enqueues it, one handler acts on one event at a time, in order.
 * So no decision is ever taken in the middle of another.
 */

import { turnMs } from '../runtime/turns.ts';

export class EventQueue<Event> {
  readonly #handle: (event: Event) => void;
  readonly #events: Event[] = [];
  #scheduled = false;
  #closed = false;

  /** @param handle acts on one event; what it throws is a fault of the master and ends the process loudly */
  constructor(handle: (event: Event) => void) {
    this.#handle = handle;
  }

  enqueue(event: Event): void {
    if (this.#closed) return;
    this.#events.push(event);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#drain());
  }

  /** Nothing is handled any more. */
  close(): void {
    this.#closed = true;
    this.#events.length = 0;
  }

  #drain(): void {
    this.#scheduled = false;
    const began = performance.now();
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      this.#handle(event);
      if (this.#closed || this.#events.length === 0) return;
      // Thousands of pools have their news at once: what comes meanwhile from elsewhere is not to wait for all of it.
      if (performance.now() - began >= turnMs) return this.#schedule();
    }
  }
}
