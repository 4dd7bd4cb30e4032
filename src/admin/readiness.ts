/** `GET /readyz`: whether this master should be sent requests. */

import type { AdminSnapshot, PoolSnapshot } from '../figures/admin-snapshot.ts';
import { servingStates } from '../figures/answers.ts';

/** Valid parameters. */
const parameters: readonly string[] = ['queue', 'saturation', 'pool'];

/**
 * Reasons against readiness, one a line; empty when ready.
 *
 * @param query `queue` and `saturation` are upper limits for each pool, `pool` selects one pool
 * @param countsSaturation `readiness.saturation`: a pool that has been full for a while is a reason as well
 * @throws RangeError for anything else: a probe with a typing error must not look healthy
 */
export function unreadiness(
  snapshot: AdminSnapshot,
  query: URLSearchParams,
  countsSaturation = false,
): string[] {
  const unknown = [...query.keys()].find((key) => !parameters.includes(key));
  if (unknown !== undefined) throw new RangeError(`takes only the parameters ${parameters.join(', ')}`);
  const name = query.get('pool');
  const pools = snapshot.pools.filter((pool) => name === null || pool.name === name);
  const reasons = servingStates.includes(snapshot.state) ? [] : [`master: ${snapshot.state}`];
  if (pools.length === 0) reasons.push('no such pool');
  const saturated = countsSaturation ? pools.filter(({ isSaturated }) => isSaturated) : [];
  return [
    ...reasons,
    ...pools.filter(({ isDrained }) => isDrained).map((pool) => `pool ${pool.name}: drained`),
    ...saturated.map(({ name: full }) => `pool ${full}: saturated`),
    ...pools.flatMap((pool) => poolReasons(pool, query)),
  ];
}

function poolReasons(pool: PoolSnapshot, query: URLSearchParams): string[] {
  if (pool.state !== 'serving' && pool.state !== 'asleep') return [`pool ${pool.name}: ${pool.state}`];
  const figures = [
    ['queue', pool.queue],
    ['saturation', pool.saturation],
  ] as const;
  return figures.flatMap(([figure, value]) => {
    const limit = threshold(query, figure);
    return limit !== undefined && value >= limit ? [`pool ${pool.name}: ${figure} ${value} >= ${limit}`] : [];
  });
}

/** @throws RangeError for a value that is not a number */
function threshold(query: URLSearchParams, name: string): number | undefined {
  const given = query.get(name);
  if (given === null) return undefined;
  if (!/^\d+(\.\d+)?$/.test(given)) throw new RangeError(`"${name}" must be a number`);
  return Number(given);
}
