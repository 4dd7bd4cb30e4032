/** The history's view of a pool, at the cost of a few numbers: most pools are usually at rest. */

import type { PoolCounts } from '../figures/admin-snapshot.ts';
import type { PoolSample } from '../figures/history.ts';
import { noDurations } from '../scoreboard/durations.ts';

type Sample = Pick<PoolSample, 'busy' | 'busyMean' | 'queue' | 'counts'>;

/** Of a pool that nobody has used: after the start of thousands of them it is one object. */
const untouched: Sample = {
  busy: 0,
  busyMean: 0,
  queue: 0,
  counts: { accepted: 0, errors: 0, durations: noDurations },
};

export class HistorySource {
  #busy = 0;
  #queue = 0;
  #heartbeats = 0;
  #busySum = 0;
  #totals: PoolCounts | undefined;

  /** At every heartbeat: keeps the maximum since the last sample, so that short peaks show. */
  heartbeat(busy: number, queue: number): void {
    this.#busy = Math.max(this.#busy, busy);
    this.#queue = Math.max(this.#queue, queue);
    this.#heartbeats += 1;
    this.#busySum += busy;
  }

  /**
   * Returns and resets the peaks, and returns the counts.
   *
   * @param accepted requests begun by now
   * @param readTotals reads the slots of all workers
   */
  take(accepted: number, readTotals: () => PoolCounts): Sample {
    if (accepted === 0 && this.#heartbeats === 0 && this.#totals === undefined) return untouched;
    const totals = this.#standing(accepted) ?? readTotals();
    const { durations, responses } = totals;
    const sample = {
      busy: this.#busy,
      busyMean: this.#heartbeats === 0 ? 0 : this.#busySum / this.#heartbeats,
      queue: this.#queue,
      counts: { accepted, errors: responses[4] ?? 0, durations },
    };
    this.#totals = totals;
    this.#busy = 0;
    this.#queue = 0;
    this.#heartbeats = 0;
    this.#busySum = 0;
    return sample;
  }

  /** The last totals, if nothing can have changed: all requests had ended, and none has begun since. */
  #standing(accepted: number): PoolCounts | undefined {
    const totals = this.#totals;
    if (totals === undefined || totals.accepted !== accepted) return undefined;
    const ended = totals.durations.counts.reduce((sum, count) => sum + count, 0);
    return ended === accepted ? totals : undefined;
  }
}
