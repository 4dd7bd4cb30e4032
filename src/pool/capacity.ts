/** Number of workers of all pools that fit into memory, and their distribution when not all needs fit. Pure. */

import { gainOfOneMore } from './staffing.ts';

/** The guide's default: a fifth stays free. */
export const defaultReserve = 0.2;

export interface MemoryBudget {
  readonly limitBytes: number;
  /** Used by others below the same limit. */
  readonly othersBytes: number;
  /** Share of the limit that stays free, 0 to 1. */
  readonly reserve: number;
}

/** A pool's claim on memory. */
export interface MemoryClaim {
  readonly name: string;
  /** Average of busy workers in demand. */
  readonly load: number;
  /** Minimum of workers. */
  readonly least: number;
  /** Workers in demand. */
  readonly wanted: number;
  /** Private memory of one worker. */
  readonly workerBytes: number;
  /** Memory in addition to its workers. */
  readonly sharedBytes: number;
}

export interface Allotment {
  /** By name. */
  readonly workers: ReadonlyMap<string, number>;
  /** For workers and shared memory: the limit without reserve and others. */
  readonly availableBytes: number;
  /** Memory of the allotted workers, including shared memory. */
  readonly takenBytes: number;
}

/** The rest of the limit, for pools. */
export function availableBytes({ limitBytes, othersBytes, reserve }: MemoryBudget): number {
  return Math.max(0, limitBytes * (1 - reserve) - othersBytes);
}

/** Number of workers of that size that fit beside the shared memory. */
export function fittingWorkers(bytes: number, sharedBytes: number, workerBytes: number): number {
  return workerBytes <= 0
    ? Number.POSITIVE_INFINITY
    : Math.max(0, Math.floor((bytes - sharedBytes) / workerBytes));
}

/**
 * Gives each pool its minimum, whatever that takes; then one worker after the other to the pool where it takes up most
 * of the load per byte (Erlang's B), until all needs are met or nothing more fits.
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
      // A pool with smaller workers may still find room.
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
