/** Load of a pool, and when it counts as saturated. */

import { workerStages } from '../scoreboard/states.ts';
import type { StatusSnapshot } from '../status/status-snapshot.ts';

/** Monotonic milliseconds that a pool has to be full before it counts as saturated: the queue absorbs a short peak. */
export const saturatedAfterMs = 3000;

/** Below this share of its limit a saturated pool counts as free again. */
export const freeBelow = 0.8;

export interface Load {
  /** Workers with a request. */
  readonly busy: number;
  /** Connections that wait for a worker. */
  readonly waiting: number;
  /** `pm.max_children`. */
  readonly limit: number;
}

/** Stages without a request. On the status page a new worker counts as active, but it will be free in a moment. */
const restingStages: readonly string[] = [workerStages.idle.label, workerStages.creating.label];

/** The load of a status page. */
export function statusLoad(status: Pick<StatusSnapshot, 'processes' | 'listenQueue'>, limit: number): Load {
  const busy = status.processes.filter(({ state }) => !restingStages.includes(state)).length;
  return { busy, waiting: status.listenQueue, limit };
}

/** Demand relative to capacity: 0 is idle, 1 is full, more is a queue. */
export function saturation({ busy, waiting, limit }: Load): number {
  return limit > 0 ? (busy + waiting) / limit : 0;
}

/** Since when the pool is full, and whether that has lasted. */
export interface Fullness {
  readonly fullSince: number | undefined;
  readonly isSaturated: boolean;
}

export const notFull: Fullness = { fullSince: undefined, isSaturated: false };

/**
 * The next state after a sample of the pool. Between the two thresholds nothing changes, so that a pool at its limit
 * does not flap in a load balancer at every probe.
 *
 * @param now monotonic milliseconds
 */
export function nextFullness(before: Fullness, level: number, now: number): Fullness {
  if (level < freeBelow) return notFull;
  if (level < 1) return { fullSince: undefined, isSaturated: before.isSaturated };
  const fullSince = before.fullSince ?? now;
  return { fullSince, isSaturated: before.isSaturated || now - fullSince >= saturatedAfterMs };
}
