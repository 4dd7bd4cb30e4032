/** OPcache's figures of a pool whose threads have one each: their sum. */

import type { OpcacheFieldName } from '../../scoreboard/layout.ts';

/** Names are those of the scoreboard's header, without `opcache_`; the order is that of a thread's message. */
export const opcacheFigures = [
  'hits',
  'misses',
  'scripts',
  'keys',
  'keys_limit',
  'restarts_memory',
  'restarts_keys',
  'restarts_manual',
  'memory_used',
  'memory_free',
  'memory_wasted',
  'strings_used',
  'strings_free',
] as const;
export type OpcacheFigure = (typeof opcacheFigures)[number];

/** Those that only grow: what a thread counted stays counted when it is gone. */
const counters: ReadonlySet<OpcacheFigure> = new Set([
  'hits',
  'misses',
  'restarts_memory',
  'restarts_keys',
  'restarts_manual',
]);

export class OpcacheTotals {
  readonly #bySlot = new Map<number, readonly number[]>();
  /** What the instances counted that are gone. */
  readonly #gone = opcacheFigures.map(() => 0);

  /** Takes what the worker of a slot says. An instance that was made anew counts from 0 again. */
  set(slot: number, figures: readonly number[]): void {
    const before = this.#bySlot.get(slot);
    const hits = opcacheFigures.indexOf('hits');
    const isAnew = before !== undefined && (figures[hits] ?? 0) < (before[hits] ?? 0);
    if (isAnew) this.drop(slot);
    this.#bySlot.set(slot, figures);
  }

  /** The worker is gone. */
  drop(slot: number): void {
    const figures = this.#bySlot.get(slot);
    if (figures === undefined) return;
    this.#bySlot.delete(slot);
    for (const [index, name] of opcacheFigures.entries()) {
      if (counters.has(name)) this.#gone[index] = (this.#gone[index] ?? 0) + (figures[index] ?? 0);
    }
  }

  /** The sums, by their fields in the scoreboard's header. */
  fields(): [OpcacheFieldName, number][] {
    const all = [this.#gone, ...this.#bySlot.values()];
    return opcacheFigures.map((name, index) => [
      `opcache_${name}`,
      all.reduce((sum, figures) => sum + (figures[index] ?? 0), 0),
    ]);
  }
}
