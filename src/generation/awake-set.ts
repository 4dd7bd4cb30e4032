/**
 * The pools that need regular checks. A pool at rest has no process and only changes by an event of its own, which
 * rouses it: two thousand of them cost a heartbeat nothing.
 */

import type { PoolRunner } from './pool-runner.ts';

type Pool = Pick<PoolRunner, 'isAtRest'>;

export class AwakeSet<T extends Pool = PoolRunner> {
  readonly #pools = new Set<T>();

  /** An event of the pool: it is checked from now on, until {@link letRest} finds it at rest. */
  rouse(pool: T): void {
    this.#pools.add(pool);
  }

  /** The pool no longer exists. */
  remove(pool: T): void {
    this.#pools.delete(pool);
  }

  /** The current pools: checking one may rouse others. */
  get pools(): readonly T[] {
    return [...this.#pools];
  }

  /** Call it after they have been checked. */
  letRest(): void {
    for (const pool of this.#pools) if (pool.isAtRest) this.#pools.delete(pool);
  }
}
