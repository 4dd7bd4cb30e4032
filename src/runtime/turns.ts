/** Splits long work into short turns of the event loop, so that other events do not wait for its end. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { MasterStartError } from './start-error.ts';

/**
 * Length of a turn in ms. The first request of a sleeping pool needs some eight turns, and should wait for less than 50
 * ms of other work.
 */
export const turnMs = 4;

/** Work that was cancelled. */
export class Abandoned extends MasterStartError {}

export class Turns {
  readonly #reason: () => string | undefined;
  #began = performance.now();

  /** @param reason why the work is cancelled, undefined while it is not; called at every turn */
  constructor(reason: () => string | undefined = () => undefined) {
    this.#reason = reason;
  }

  /** Whether this turn has been long enough: a promise for each of thousands of short steps costs more than they do. */
  get isOver(): boolean {
    return performance.now() - this.#began >= turnMs;
  }

  /**
   * Call it between two steps of the work: gives others a turn when this one has been long enough.
   *
   * @throws Abandoned
   */
  async pause(): Promise<void> {
    if (!this.isOver) return;
    await nextTurn();
    this.#began = performance.now();
    const reason = this.#reason();
    if (reason !== undefined) throw new Abandoned(reason);
  }

  /** @param steps work that may be interrupted at every yield */
  async run<T>(steps: Generator<undefined, T, undefined>): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (this.isOver) await this.pause();
    }
  }
}
