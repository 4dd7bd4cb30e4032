/** Observer of active pools in effect. */

import type { PoolRunner } from './pool-runner.ts';

export interface PoolWatcher {
  /** An event of the pool. */
  roused(runner: PoolRunner): void;
  /** It is no longer in effect. */
  removed(runner: PoolRunner): void;
}
