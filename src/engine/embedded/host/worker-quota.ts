/**
 * When a worker is renewed, and when its successor is started: rules without state, times in milliseconds.
 *
 * No request is to wait for a boot. So the successor of a worker near its end is started as a spare in time, and a
 * worker at its quota serves on until the spare is ready; pm.max_requests itself is never exceeded, because that is
 * what an operator counts on. Two are rejected: a spare at all times costs the memory of a whole worker, and a fixed
 * share of the quota is less than one boot where the directive is small or the pool is busy.
 */

/** How far a worker has come. */
export interface WorkerUse {
  /** Requests that were finished. */
  readonly served: number;
  /** Requests after which it leaves as soon as a spare is ready. */
  readonly quota: number;
  /** pm.max_requests: requests after which it leaves in any case. */
  readonly limit: number;
}

/** What the pool is doing. */
export interface PoolPace {
  /** Requests a millisecond, of all workers together: one worker may come to get them all. */
  readonly requestsPerMs: number;
  /** What the last boot of a worker took. */
  readonly bootMs: number;
}

/** Fractional parts of its multiples lie as far from each other as can be, however many there are. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;

/**
 * The quota of the pool's worker number `ordinal`, from the last tenth of pm.max_requests: 900 to 1000 for 1000.
 * Below 10 there is nothing to draw from: who sets so few wants exactly these.
 *
 * Workers that follow each other get quotas that lie apart. Under even load those of a static pool, which start
 * together, would come to their ends together all the same, so the first worker of a slot (`isFirst`) gets one from
 * the whole upper half: that sets them apart for good, for one early renewal.
 */
export function drawQuota(maxRequests: number, ordinal: number, isFirst: boolean): number {
  if (maxRequests <= 0) return Number.POSITIVE_INFINITY;
  const span = maxRequests < 10 ? 0 : Math.floor(maxRequests / (isFirst ? 2 : 10));
  return maxRequests - Math.floor(((ordinal * goldenRatio) % 1) * (span + 1));
}

/**
 * Whether a spare is to be started for this worker: it may reach its quota within two boots at the pool's pace. The
 * second boot is for a machine that has become slower since the last one. At most half of a worker's life is spent
 * with a spare beside it, and before its very last request there always is one.
 */
export function isNearEnd({ served, quota }: WorkerUse, { requestsPerMs, bootMs }: PoolPace): boolean {
  const ahead = Math.min(quota / 2, requestsPerMs * bootMs * 2);
  return quota - served <= Math.max(1, ahead);
}

/** Whether an idle worker has to leave now. */
export function isUsedUp({ served, quota, limit }: WorkerUse, spareIsReady: boolean): boolean {
  return served >= limit || (served >= quota && spareIsReady);
}
