/**
 * The master's only loop: all sources enqueue events, one handler acts on one event at a time, in order. So no decision
 * is made in the middle of another.
 */

import { turnMs } from '../runtime/turns.ts';

export class EventQueue<Event> {
  readonly #handle: (event: Event) => void;
  readonly #events: Event[] = [];
  #scheduled = false;
  #closed = false;

  /** @param handle acts on one event; an exception is a fault of the master and ends the process loudly */
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

  /** Handles no more events. */
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
      // Thousands of pools may report at once: other events must not wait for all of them.
      if (performance.now() - began >= turnMs) return this.#schedule();
    }
  }
}
