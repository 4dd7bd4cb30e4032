/** OPcache's figures of a pool whose threads have one each: their sum. */

import { type OpcacheFigureName, opcacheFigureNames } from '../../../scoreboard/layout.ts';

/** Monotonic figures: the counts of an ended thread remain. */
const counters: ReadonlySet<OpcacheFigureName> = new Set([
  'opcache_hits',
  'opcache_misses',
  'opcache_restarts_memory',
  'opcache_restarts_keys',
  'opcache_restarts_manual',
]);

export class OpcacheTotals {
  readonly #bySlot = new Map<number, readonly number[]>();
  /** Counts of ended instances. */
  readonly #gone = opcacheFigureNames.map(() => 0);

  /** Takes the figures of a slot's worker, in the order of the names. A new instance counts from 0 again. */
  set(slot: number, figures: readonly number[]): void {
    const before = this.#bySlot.get(slot);
    const hits = opcacheFigureNames.indexOf('opcache_hits');
    const isAnew = before !== undefined && (figures[hits] ?? 0) < (before[hits] ?? 0);
    if (isAnew) this.drop(slot);
    this.#bySlot.set(slot, figures);
  }

  /** The worker has ended. */
  drop(slot: number): void {
    const figures = this.#bySlot.get(slot);
    if (figures === undefined) return;
    this.#bySlot.delete(slot);
    for (const [index, name] of opcacheFigureNames.entries()) {
      if (counters.has(name)) this.#gone[index] = (this.#gone[index] ?? 0) + (figures[index] ?? 0);
    }
  }

  /** The sums by header field of the scoreboard. */
  fields(): [OpcacheFigureName, number][] {
    const all = [this.#gone, ...this.#bySlot.values()];
    return opcacheFigureNames.map((name, index) => [
      name,
      all.reduce((sum, figures) => sum + (figures[index] ?? 0), 0),
    ]);
  }
}
