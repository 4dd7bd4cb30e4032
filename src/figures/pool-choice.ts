/** Selects the pools of an answer: there may be thousands. */

/** The client's choice. */
export interface PoolChoice {
  /** Only pools whose name contains this text, in any case; '' for all. */
  readonly pool: string;
  /** Of the remaining pools, one with exactly this name comes first, then those whose name contains it; '' for none. */
  readonly first: string;
  /**
   * Maximum number, the most important first; in configuration order if there are no more than that. Undefined for all.
   */
  readonly limit: number | undefined;
  readonly offset: number;
}

export const everyPool: PoolChoice = { pool: '', first: '', limit: undefined, offset: 0 };

/** Criteria of a pool's importance. */
export interface PoolStanding {
  readonly name: string;
  readonly state: 'serving' | 'asleep' | 'starting' | 'silent';
  readonly active: number;
  readonly queue: number;
  readonly maxChildren: number;
}

/** Share of busy workers at which a pool is near its limit. */
const nearlyFull = 0.8;

/**
 * The chosen pools. Equal ones keep their order, and the rank is coarse, so that a list does not jump when it is read
 * repeatedly.
 */
export function choosePools<T extends PoolStanding>(pools: readonly T[], choice: PoolChoice): readonly T[] {
  const matching = pools.filter(({ name }) => holds(name, choice.pool));
  const { limit, offset } = choice;
  if (limit === undefined || matching.length <= limit) return matching.slice(offset);
  const ranked = matching.map((pool) => [rankOf(pool, choice.first), pool] as const);
  ranked.sort(([left], [right]) => right - left);
  return ranked.slice(offset, offset + limit).map(([, pool]) => pool);
}

export function holds(name: string, text: string): boolean {
  return text === '' || name.toLowerCase().includes(text.toLowerCase());
}

function rankOf(pool: PoolStanding, first: string): number {
  if (first !== '' && pool.name === first) return 7;
  if (first !== '' && holds(pool.name, first)) return 6;
  const { state, queue, active, maxChildren } = pool;
  if (state === 'starting' || state === 'silent') return 5;
  if (queue > 0) return 4;
  if (active > 0) return active >= nearlyFull * maxChildren ? 3 : 2;
  return state === 'serving' ? 1 : 0;
}
