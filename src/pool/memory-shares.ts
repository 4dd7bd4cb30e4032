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
  /** Private memory of one worker. */
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

/** Memory in use at one moment, and the workers of all pools with `pm = auto`. */
export interface UseSample {
  /** Milliseconds. */
  readonly at: number;
  readonly used: number;
  readonly running: number;
  /** Average size of one. */
  readonly workerBytes: number;
}

/** As far ahead as a decision takes to have an effect, seconds. */
const aheadSeconds = 1.5;
/** Samples that are further apart tell no rate, seconds. */
const longestStep = 5;

/**
 * Memory in use when a decision takes effect: leaking workers and neighbours go on growing meanwhile. Memory of new workers
 * does not count as growth.
 */
export function projectUse(before: UseSample | undefined, now: UseSample): number {
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1000;
  if (before === undefined || seconds <= 0 || seconds > longestStep) return now.used;
  const made = Math.max(0, now.running - before.running) * now.workerBytes;
  return now.used + (aheadSeconds * Math.max(0, now.used - before.used - made)) / seconds;
}
