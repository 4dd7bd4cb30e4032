/** When a pool has no host: `pm = ondemand` needs one only while there is something to do. Pure. */

import type { PoolConfig } from '../config/directives.ts';

/**
 * A pool that needs no worker needs no host: the first connection starts it.
 *
 * @param workers of the host that serves, 0 without one
 */
export function maySleep({ pm }: Pick<PoolConfig, 'pm'>, workers: number): boolean {
  return pm === 'ondemand' && workers === 0;
}

/**
 * Whether the host of a pool has been without work for so long that it goes.
 *
 * @param emptySince when its last worker ended, or it was started; milliseconds on the caller's clock
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
