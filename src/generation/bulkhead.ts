/** The wall between pools: an error while something of one pool is handled stays in that pool. */

import type { Generation } from './generation.ts';

/** The pool responsible for an error. */
export interface Contained {
  /** Handling something of the pool failed. Never throws. */
  incident(doing: string, error: unknown, generation?: Generation): void;
}

/**
 * Handles something of one pool.
 *
 * @param doing the action, for the log, where it follows "while"
 * @param generation the host's generation if it concerns one; default: the serving one
 * @returns undefined on failure, which becomes the pool's incident
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
