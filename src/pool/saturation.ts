/** Load of a pool, and when it counts as saturated. */

import { workerStages } from '../scoreboard/states.ts';
import type { StatusSnapshot } from '../status/status-snapshot.ts';

/** Monotonic milliseconds that a pool has to be full before it counts as saturated: the queue absorbs a short peak. */
export const saturatedAfterMs = 3000;

/** Below this share of its limit a saturated pool counts as free again. */
export const freeBelow = 0.8;

/**
 * Time constant of the mean by which a balancer weighs a pool, ms. A balancer takes a weight for up to a second; by the
 * level of one moment it would send everything to the node that was free just then, and the next moment to another.
 */
export const meanOverMs = 10_000;

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

/** The saturation of the last seconds. */
export interface Fullness {
  readonly fullSince: number | undefined;
  /** It has been full for a while. */
  readonly isSaturated: boolean;
  /** Its mean, in which older samples fade. */
  readonly mean: number;
  /** Time of the last sample, monotonic milliseconds. */
  readonly at: number | undefined;
}

export const notFull: Fullness = { fullSince: undefined, isSaturated: false, mean: 0, at: undefined };

/**
 * The next state after a sample of the pool. Between the two thresholds nothing changes, so that a pool at its limit
 * does not flap in a load balancer at every probe.
 *
 * @param now monotonic milliseconds
 */
export function nextFullness(before: Fullness, level: number, now: number): Fullness {
  const share = before.at === undefined ? 1 : 1 - Math.exp((before.at - now) / meanOverMs);
  const mean = before.mean + (level - before.mean) * share;
  const next = { mean, at: now };
  if (level < freeBelow) return { ...next, fullSince: undefined, isSaturated: false };
  if (level < 1) return { ...next, fullSince: undefined, isSaturated: before.isSaturated };
  const fullSince = before.fullSince ?? now;
  return { ...next, fullSince, isSaturated: before.isSaturated || now - fullSince >= saturatedAfterMs };
}
