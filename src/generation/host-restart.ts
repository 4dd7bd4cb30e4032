/**
 * When a pool without a host gets the next one: at once the first time, then later and later while hosts fail early.
 */

import { type BackOffMemory, hostBackOff, initialBackOff, replacementTime } from '../pool/respawn.ts';

export class HostRestart {
  #memory: BackOffMemory = initialBackOff;
  /** Monotonic ms; undefined while none is due. */
  #at: number | undefined;

  /**
   * Plans the next start.
   *
   * @param now monotonic milliseconds
   * @param wasUseful whether the dead host had served for a while
   * @returns the time of the start, and the same in words for the log
   */
  plan(now: number, wasUseful: boolean): { readonly at: number; readonly when: string } {
    const { at, memory } = replacementTime(hostBackOff, this.#memory, now, wasUseful);
    this.#memory = memory;
    this.#at = at;
    return { at, when: at <= now ? 'at once' : `in ${((at - now) / 1000).toFixed(1)} seconds` };
  }

  get isPlanned(): boolean {
    return this.#at !== undefined;
  }

  isDue(now: number): boolean {
    return this.#at !== undefined && now >= this.#at;
  }

  /** No start is wanted, or one is in progress for another reason. */
  cancel(): void {
    this.#at = undefined;
  }
}
