/** The wall between pools: an error while something of one pool is handled ends at that pool. */

import type { Generation } from './generation.ts';

/** Who answers for a pool. */
export interface Contained {
  /** Something of the pool could not be handled. Never throws. */
  incident(doing: string, error: unknown, generation?: Generation): void;
}

/**
 * Handles something of one pool.
 *
 * @param doing what, for the log: it stands behind "while"
 * @param generation whose host it is about, where it is about one; else the one that serves
 * @returns undefined when it failed, which is the pool's incident
 */
export function contain<T>(
  pool: Contained,
  doing: string,
  act: () => T,
  generation?: Generation,
): T | undefined {
  try {
    return act();
  } catch (error) {
    pool.incident(doing, error, generation);
    return undefined;
  }
}
