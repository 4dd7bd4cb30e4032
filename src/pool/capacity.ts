/** How many workers of all pools fit into the memory, and who gets them where not all can have what they need. Pure. */

import { gainOfOneMore } from './staffing.ts';

/** What the guide keeps free: a fifth. */
export const defaultReserve = 0.2;

export interface MemoryBudget {
  readonly limitBytes: number;
  /** What others use under the same limit. */
  readonly othersBytes: number;
  /** The share of the limit that stays free, 0 to 1. */
  readonly reserve: number;
}

/** A pool that asks for workers. */
export interface MemoryClaim {
  readonly name: string;
  /** Busy workers wanted on average. */
  readonly load: number;
  /** Workers that it has in any case. */
  readonly least: number;
  /** Workers that it needs. */
  readonly wanted: number;
  /** What one worker has for itself. */
  readonly workerBytes: number;
  /** What it takes beside its workers. */
  readonly sharedBytes: number;
}

export interface Allotment {
  /** By name. */
  readonly workers: ReadonlyMap<string, number>;
  /** For workers and what pools share: the limit without reserve and others. */
  readonly availableBytes: number;
  /** What the workers that were given take, with what pools share. */
  readonly takenBytes: number;
}

/** For pools: what is left of the limit. */
export function availableBytes({ limitBytes, othersBytes, reserve }: MemoryBudget): number {
  return Math.max(0, limitBytes * (1 - reserve) - othersBytes);
}

/** Workers of that size that fit, beside what is shared. */
export function fittingWorkers(bytes: number, sharedBytes: number, workerBytes: number): number {
  return workerBytes <= 0
    ? Number.POSITIVE_INFINITY
    : Math.max(0, Math.floor((bytes - sharedBytes) / workerBytes));
}

/**
 * Each pool its least, whatever that takes; then one worker after the other to the pool where it takes up most of the
 * load a byte (Erlang's B), until all have what they want or nothing more fits.
 */
export function allot(available: number, claims: readonly MemoryClaim[]): Allotment {
  const workers = new Map(claims.map(({ name, least, wanted }) => [name, Math.min(least, wanted)]));
  let taken = claims.reduce(
    (sum, { name, sharedBytes, workerBytes }) => sum + sharedBytes + workerBytes * (workers.get(name) ?? 0),
    0,
  );
  const open = new Set(claims.filter(({ name, wanted }) => (workers.get(name) ?? 0) < wanted));
  while (open.size > 0) {
    const best = [...open].reduce((left, right) =>
      worth(right, workers) > worth(left, workers) ? right : left,
    );
    const next = (workers.get(best.name) ?? 0) + 1;
    if (taken + best.workerBytes > available) {
      // A pool of smaller workers may still find room.
      open.delete(best);
      continue;
    }
    workers.set(best.name, next);
    taken += best.workerBytes;
    if (next >= best.wanted) open.delete(best);
  }
  return { workers, availableBytes: available, takenBytes: taken };
}

function worth({ name, load, workerBytes }: MemoryClaim, workers: ReadonlyMap<string, number>): number {
  return gainOfOneMore(load, workers.get(name) ?? 0) / Math.max(1, workerBytes);
}
