/** `GET /scale`: one number to scale by, as JSON, for an autoscaler that reads a field of it (KEDA's metrics API). */

import type { AdminSnapshot, PoolSnapshot } from '../figures/admin-snapshot.ts';

/** Load of a pool, or of all of them. */
export interface ScaleAnswer {
  /** Absent where it is all pools together. */
  readonly pool?: string;
  /** (busy + waiting) / limit: 1 is full. Of all pools: that of the fullest one. */
  readonly saturation: number;
  /** Workers that serve a request. */
  readonly busy: number;
  /** Connections that wait for a worker. */
  readonly waiting: number;
  /** Workers that there may be. */
  readonly limit: number;
}

/** @returns undefined when there is no such pool */
export function scaleJson({ pools }: AdminSnapshot, name: string | undefined): ScaleAnswer | undefined {
  if (name !== undefined) {
    const pool = pools.find((one) => one.name === name);
    return pool && { pool: name, ...loadOf([pool]) };
  }
  return loadOf(pools);
}

function loadOf(pools: readonly PoolSnapshot[]): Omit<ScaleAnswer, 'pool'> {
  const sum = (of: (pool: PoolSnapshot) => number) => pools.reduce((total, pool) => total + of(pool), 0);
  return {
    saturation: Math.max(0, ...pools.map((pool) => pool.saturation)),
    busy: sum(({ active }) => active),
    waiting: sum(({ queue }) => queue),
    limit: sum(({ maxChildren }) => maxChildren),
  };
}
