/** When a pool has no host: `pm = ondemand` needs one only while there is work. Pure. */

import type { PoolConfig } from '../config/directives.ts';

/**
 * A pool without need for a worker needs no host: the first connection starts it.
 *
 * @param workers of the serving host, 0 without one
 */
export function maySleep({ pm }: Pick<PoolConfig, 'pm'>, workers: number): boolean {
  return pm === 'ondemand' && workers === 0;
}

/**
 * Whether a pool's host has been without work for so long that it should end.
 *
 * @param emptySince end of its last worker, or its start; milliseconds on the caller's clock
 */
export function isSleepDue(
  pool: Pick<PoolConfig, 'pm' | 'engine.idle_timeout'>,
  workers: number,
  emptySince: number,
  now: number,
): boolean {
  const seconds = pool['engine.idle_timeout'];
  return maySleep(pool, workers) && seconds > 0 && now - emptySince >= seconds * 1000;
}
