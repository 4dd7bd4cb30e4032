/**
 * The lane: workers beside `pm.max_children` for requests that must not wait while every worker is busy. Pure; the
 * supervisor acts on it. The lane's workers have the last slots of the pool.
 */

import { hasQueueLimit, type OverloadSettings } from './overload.ts';

/**
 * Connections that the lane's queue of a native pool can hold: 1 MiB (host/setup.c), which the kernel doubles
 * (socket(7)), of which each takes more than 512 bytes.
 */
export const mostInLane = (2 * 1024 * 1024) / 512;

/** Keys are directive names. */
export interface LaneSettings extends Omit<OverloadSettings, 'name'> {
  readonly pm: string;
  readonly 'ping.path': string | undefined;
  readonly 'pm.status_path': string | undefined;
  readonly 'queue.priority': readonly string[];
  readonly 'queue.priority_workers': number;
}

/** A lane that is only made for a full pool stays for this long without one, ms. */
const quietMs = 30_000;

/**
 * Slots of the lane's workers. With a queue limit and without `queue.priority` the master answers ping and status pages
 * in the place of refusals (master/overload-lane.ts), and no lane is needed.
 */
export function laneSlots(pool: LaneSettings): number {
  if (pool['queue.priority'].length > 0) return pool['queue.priority_workers'];
  const hasPage = (pool['ping.path'] ?? '') !== '' || (pool['pm.status_path'] ?? '') !== '';
  return hasPage && !hasQueueLimit(pool) ? 1 : 0;
}

/** Whether the lane's workers refuse what waits too long, instead of the master. */
export function laneRefuses(pool: LaneSettings): boolean {
  return pool['queue.priority'].length > 0;
}

export interface LaneInput {
  /** Monotonic milliseconds. */
  readonly now: number;
  /** The embedded host answers ping and status pages by itself. */
  readonly engine: 'embedded' | 'native';
  /** The last time at which every worker was busy and connections waited, monotonic milliseconds. */
  readonly fullAt: number | undefined;
}

/** Number of the lane's workers that are wanted now. */
export function wantedInLane(pool: LaneSettings, { now, engine, fullAt }: LaneInput): number {
  const hasPriority = pool['queue.priority'].length > 0;
  if (!hasPriority && engine === 'embedded') return 0;
  // A pool without a worker has none of these either.
  if (hasPriority && pool.pm !== 'ondemand') return laneSlots(pool);
  return fullAt !== undefined && now - fullAt < quietMs ? laneSlots(pool) : 0;
}
