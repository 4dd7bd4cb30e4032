/**
 * The pools that somebody has to look at again and again. One at rest has no process and changes by nothing but an event
 * of its own, which rouses it: two thousand of them cost a heartbeat nothing.
 */

import type { PoolRunner } from './pool-runner.ts';

type Pool = Pick<PoolRunner, 'isAtRest'>;

export class AwakeSet<T extends Pool = PoolRunner> {
  readonly #pools = new Set<T>();

  /** Something happens to the pool: from now on it is looked at, until {@link letRest} finds it at rest. */
  rouse(pool: T): void {
    this.#pools.add(pool);
  }

  /** It is no pool of anybody any more. */
  remove(pool: T): void {
    this.#pools.delete(pool);
  }

  /** Those of this moment: looking at one may rouse others. */
  get pools(): readonly T[] {
    return [...this.#pools];
  }

  /** To be called once they have been looked at. */
  letRest(): void {
    for (const pool of this.#pools) if (pool.isAtRest) this.#pools.delete(pool);
  }
}
