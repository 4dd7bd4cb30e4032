/** `GET /scale`: one number for autoscalers, as JSON, for those that read a field of it (KEDA's metrics API). */

import type { AdminSnapshot, PoolSnapshot } from '../figures/admin-snapshot.ts';

/** Load of one pool or all pools. */
export interface ScaleAnswer {
  /** Undefined for all pools together. */
  readonly pool?: string;
  /** (busy + waiting) / limit: 1 is full. For all pools: that of the fullest one. */
  readonly saturation: number;
  /** Workers with a request. */
  readonly busy: number;
  /** Connections that wait for a worker. */
  readonly waiting: number;
  /** Maximum of workers. */
  readonly limit: number;
}

/** @returns undefined for an unknown pool */
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
