/** Which pools an answer shows, where there may be thousands. */

/** What a client asks for. */
export interface PoolChoice {
  /** Only pools whose name holds this text, whatever the case of its letters; '' for all. */
  readonly pool: string;
  /** Of the pools that are left, those whose name is this text, then those whose name holds it, come first; '' for none. */
  readonly first: string;
  /**
   * So many at most, those that matter first; in the order of the configuration where they are no more than that.
   * Undefined for all of them.
   */
  readonly limit: number | undefined;
  readonly offset: number;
}

export const everyPool: PoolChoice = { pool: '', first: '', limit: undefined, offset: 0 };

/** What decides how much a pool matters. */
export interface PoolStanding {
  readonly name: string;
  readonly state: 'serving' | 'asleep' | 'starting' | 'silent';
  readonly active: number;
  readonly queue: number;
  readonly maxChildren: number;
}

/** Busy workers from which on a pool is near its limit. */
const nearlyFull = 0.8;

/**
 * The pools of the choice. What is alike keeps its order, and the rank is coarse, so that a list that is read again and
 * again does not jump.
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
