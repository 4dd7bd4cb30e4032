/**
 * Rules for renewing a worker and starting its successor: stateless, times in milliseconds.
 *
 * No request should wait for a boot. So the successor of a worker near its end is started as a spare in time, and a
 * worker at its quota continues until the spare is ready; pm.max_requests itself is never exceeded, because operators
 * rely on it. Rejected: a permanent spare costs the memory of a whole worker; a fixed share of the quota is less than
 * one boot where the directive is small or the pool is busy.
 */

/** Progress of a worker. */
export interface WorkerUse {
  /** Finished requests. */
  readonly served: number;
  /** Requests after which it leaves as soon as a spare is ready. */
  readonly quota: number;
  /** pm.max_requests: requests after which it leaves in any case. */
  readonly limit: number;
}

/** Activity of the pool. */
export interface PoolPace {
  /** Requests per millisecond, of all workers together: a single worker may get them all. */
  readonly requestsPerMs: number;
  /** Duration of the last boot. */
  readonly bootMs: number;
}

/** Fractional parts of its multiples are spread as evenly as possible, for any number of them. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;

/**
 * The quota of the pool's worker number `ordinal`, from the last tenth of pm.max_requests: 900 to 1000 for 1000. Below
 * 10 there is no range to draw from, and an operator with such a number means it exactly.
 *
 * Consecutive workers get quotas that are far apart. Under even load the workers of a static pool, which start
 * together, would still end together, so the first worker of a slot (`isFirst`) gets a quota from the whole upper half:
 * one early renewal separates them for good.
 */
export function drawQuota(maxRequests: number, ordinal: number, isFirst: boolean): number {
  if (maxRequests <= 0) return Number.POSITIVE_INFINITY;
  const span = maxRequests < 10 ? 0 : Math.floor(maxRequests / (isFirst ? 2 : 10));
  return maxRequests - Math.floor(((ordinal * goldenRatio) % 1) * (span + 1));
}

/**
 * Whether to start a spare for this worker: it may reach its quota within two boots at the pool's pace. The second boot
 * allows for a machine that has become slower. A spare exists for at most half of a worker's life, and always before
 * its last request.
 */
export function isNearEnd({ served, quota }: WorkerUse, { requestsPerMs, bootMs }: PoolPace): boolean {
  const ahead = Math.min(quota / 2, requestsPerMs * bootMs * 2);
  return quota - served <= Math.max(1, ahead);
}

/** Whether an idle worker must leave now. */
export function isUsedUp({ served, quota, limit }: WorkerUse, spareIsReady: boolean): boolean {
  return served >= limit || (served >= quota && spareIsReady);
}
