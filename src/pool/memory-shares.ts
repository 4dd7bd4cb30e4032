/** Number of workers that each pool with `pm = auto` may have within `memory.budget`. Pure. */

import type { Budget } from '../config/budget.ts';
import { allot } from './capacity.ts';

export function budgetBytes(budget: Budget, limitBytes: number): number {
  return 'bytes' in budget ? budget.bytes : budget.share * limitBytes;
}

export interface AutoClaim {
  readonly name: string;
  readonly load: number;
  readonly least: number;
  /** Without a memory limit. */
  readonly wanted: number;
  readonly running: number;
  /** What one worker has for itself. */
  readonly workerBytes: number;
}

/**
 * Free memory within the budget is distributed in addition to the current memory of these pools' workers; an excess
 * must be given back. Everything else in memory (other programs, other pools, shared memory) is not theirs.
 *
 * @param used by everything under the limit
 * @returns workers by name
 */
export function memoryCeilings(
  budget: number,
  used: number,
  claims: readonly AutoClaim[],
): ReadonlyMap<string, number> {
  const theirs = claims.reduce((sum, { running, workerBytes }) => sum + running * workerBytes, 0);
  const { workers } = allot(
    Math.max(0, theirs + budget - used),
    claims.map((claim) => ({ ...claim, sharedBytes: 0 })),
  );
  return workers;
}
