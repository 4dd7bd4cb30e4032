/** How many workers each pool with `pm = auto` may have within `memory.budget`. Pure. */

import type { Budget } from '../config/budget.ts';
import { allot } from './capacity.ts';

export function budgetBytes(budget: Budget, limitBytes: number): number {
  return 'bytes' in budget ? budget.bytes : budget.share * limitBytes;
}

export interface AutoClaim {
  readonly name: string;
  readonly load: number;
  readonly least: number;
  /** Without a limit of memory. */
  readonly wanted: number;
  readonly running: number;
  /** What one worker has for itself. */
  readonly workerBytes: number;
}

/**
 * What is free within the budget is shared out beside what these pools' workers have already; where it is exceeded they
 * have to give that back. Everything else in memory (other programs, other pools, what pools share) is not theirs.
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
