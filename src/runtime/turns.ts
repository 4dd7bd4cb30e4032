/** Long work in short turns of the event loop, so that what happens meanwhile does not wait for its end. */

import { setImmediate as nextTurn } from 'node:timers/promises';
import { MasterStartError } from './start-error.ts';

/**
 * How long one turn takes, ms. The first request of a pool that sleeps needs some eight turns to be answered, and is to
 * wait for less than 50 ms of others' work.
 */
export const turnMs = 4;

/** Work that is not to go on. */
export class Abandoned extends MasterStartError {}

export class Turns {
  readonly #reason: () => string | undefined;
  #began = performance.now();

  /** @param reason why the work is not to go on, undefined while it is; asked at every turn */
  constructor(reason: () => string | undefined = () => undefined) {
    this.#reason = reason;
  }

  /**
   * To be awaited between two steps of the work: lets others have their turn when this one has been long enough.
   *
   * @throws Abandoned
   */
  async pause(): Promise<void> {
    if (performance.now() - this.#began < turnMs) return;
    await nextTurn();
    this.#began = performance.now();
    const reason = this.#reason();
    if (reason !== undefined) throw new Abandoned(reason);
  }

  /** @param steps work that may be interrupted wherever it yields */
  async run<T>(steps: Generator<undefined, T, undefined>): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      await this.pause();
    }
  }
}
