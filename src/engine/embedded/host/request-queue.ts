/** Requests that wait for a worker, first come, first served, at most as many as the pool's backlog. */

import type { Exchange } from './exchange.ts';

export class RequestQueue {
  readonly #limit: number;
  readonly #onLength: (length: number) => void;
  readonly #onRefusal: () => void;
  readonly #waiting: Exchange[] = [];
  /** It was full and has not been empty since. */
  #hasRefused = false;

  /**
   * @param onLength is called after every change.
   * @param onRefusal is called for the first refused request, and again only after the queue was empty.
   */
  constructor(limit: number, onLength: (length: number) => void, onRefusal: () => void) {
    this.#limit = limit;
    this.#onLength = onLength;
    this.#onRefusal = onRefusal;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** @returns false when the queue is full. */
  add(exchange: Exchange): boolean {
    if (this.#waiting.length >= this.#limit) {
      if (!this.#hasRefused) this.#onRefusal();
      this.#hasRefused = true;
      return false;
    }
    this.#waiting.push(exchange);
    this.#onLength(this.#waiting.length);
    return true;
  }

  /** The request that has waited longest. */
  get first(): Exchange | undefined {
    return this.#waiting[0];
  }

  next(): Exchange | undefined {
    const exchange = this.#waiting.shift();
    if (exchange === undefined) this.#hasRefused = false;
    if (exchange !== undefined) this.#onLength(this.#waiting.length);
    return exchange;
  }

  /** The first such request, out of its turn. */
  take(is: (exchange: Exchange) => boolean): Exchange | undefined {
    const exchange = this.#waiting.find(is);
    if (exchange !== undefined) this.remove(exchange);
    return exchange;
  }

  /** Removes a request whose client left. */
  remove(exchange: Exchange): void {
    const at = this.#waiting.indexOf(exchange);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#onLength(this.#waiting.length);
  }
}
