/**
 * Limits concurrent worker starts of a generation. Starting an embedded worker takes a quarter of a second of one core:
 * eight at once on two cores would delay requests of the old generation for as long.
 */

import { availableParallelism } from 'node:os';

/** While another generation serves, one core is left to it. */
export const besideOthers = Math.max(1, availableParallelism() - 1);
export const alone = availableParallelism();

/** The slots of workers to be started: starting now, or waiting for their turn. */
export class BootPace {
  readonly #start: (slot: number) => void;
  readonly #booting = new Set<number>();
  readonly #waiting: number[] = [];
  #atOnce: number;

  /** @param atOnce maximum of concurrent starts */
  constructor(atOnce: number, start: (slot: number) => void) {
    this.#atOnce = atOnce;
    this.#start = start;
  }

  /** Changes the maximum of concurrent starts. */
  set atOnce(atOnce: number) {
    this.#atOnce = atOnce;
    this.#next();
  }

  add(slot: number): void {
    this.#waiting.push(slot);
    this.#next();
  }

  /** The worker is up or has failed. */
  settled(slot: number): void {
    if (this.#booting.delete(slot)) this.#next();
  }

  /**
   * Withdraws a worker that has not been started.
   *
   * @returns false if it was started and has to be ended
   */
  withdraw(slot: number): boolean {
    const at = this.#waiting.indexOf(slot);
    if (at < 0) return false;
    this.#waiting.splice(at, 1);
    return true;
  }

  #next(): void {
    while (this.#booting.size < this.#atOnce) {
      const slot = this.#waiting.shift();
      if (slot === undefined) return;
      this.#booting.add(slot);
      this.#start(slot);
    }
  }
}
