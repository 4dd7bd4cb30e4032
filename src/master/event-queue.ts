/**
 * The one loop of the master: whoever has news enqueues it, one handler acts on one event at a time, in order.
 * So no decision is ever taken in the middle of another.
 */
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
    for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
      this.#handle(event);
      if (this.#closed) return;
    }
  }
}
