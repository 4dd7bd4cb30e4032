/** What the history is told of a pool, at the price of a few numbers: most pools are at rest most of the time. */

import type { PoolSample } from '../figures/history.ts';
import type { PoolTotals } from '../figures/snapshot.ts';

export class HistorySource {
  #busy = 0;
  #queue = 0;
  #beats = 0;
  #busySum = 0;
  #totals: PoolTotals | undefined;

  /** At every heartbeat: the highest of the beats since the last sample is kept, so that a short peak is seen. */
  beat(busy: number, queue: number): void {
    this.#busy = Math.max(this.#busy, busy);
    this.#queue = Math.max(this.#queue, queue);
    this.#beats += 1;
    this.#busySum += busy;
  }

  /**
   * The peaks so far, which begin anew, and the counts.
   *
   * @param accepted requests begun by now
   * @param readTotals reads the slots of all workers
   */
  take(
    accepted: number,
    readTotals: () => PoolTotals,
  ): Pick<PoolSample, 'busy' | 'busyMean' | 'queue' | 'counts'> {
    const totals = this.#standing(accepted) ?? readTotals();
    const { durations, responses } = totals;
    const sample = {
      busy: this.#busy,
      busyMean: this.#beats === 0 ? 0 : this.#busySum / this.#beats,
      queue: this.#queue,
      counts: { accepted, errors: responses[4] ?? 0, durations },
    };
    this.#totals = totals;
    this.#busy = 0;
    this.#queue = 0;
    this.#beats = 0;
    this.#busySum = 0;
    return sample;
  }

  /** The last totals, where nothing can have changed: every request that was begun had ended, and none has begun since. */
  #standing(accepted: number): PoolTotals | undefined {
    const totals = this.#totals;
    if (totals === undefined || totals.accepted !== accepted) return undefined;
    const ended = totals.durations.counts.reduce((sum, count) => sum + count, 0);
    return ended === accepted ? totals : undefined;
  }
}
