/**
 * How many workers of a generation start at the same time. Starting an embedded worker takes a quarter of a second
 * of one core: eight at once on two cores would keep the requests of the old generation waiting just as long.
 */

import { availableParallelism } from 'node:os';

/** While another generation serves, one core is left to it. */
export const besideOthers = Math.max(1, availableParallelism() - 1);
export const alone = availableParallelism();

/** The slots whose workers are to be started: the ones that start now, and the ones that wait for their turn. */
export class BootPace {
  readonly #start: (slot: number) => void;
  readonly #booting = new Set<number>();
  readonly #waiting: number[] = [];
  #atOnce: number;

  /** @param atOnce how many may start at the same time */
  constructor(atOnce: number, start: (slot: number) => void) {
    this.#atOnce = atOnce;
    this.#start = start;
  }

  /** Changes how many may start at the same time. */
  set atOnce(atOnce: number) {
    this.#atOnce = atOnce;
    this.#next();
  }

  add(slot: number): void {
    this.#waiting.push(slot);
    this.#next();
  }

  /** The worker is up, or has failed to come up. */
  settled(slot: number): void {
    if (this.#booting.delete(slot)) this.#next();
  }

  /**
   * Takes a worker back that has not been started yet.
   *
   * @returns false when it was started, so that it has to be ended
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
