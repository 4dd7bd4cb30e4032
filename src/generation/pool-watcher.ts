/** Who is told which pools in force there is something to see of. */

import type { PoolRunner } from './pool-runner.ts';

export interface PoolWatcher {
  /** Something happens to it. */
  roused(runner: PoolRunner): void;
  /** It is not in force any more. */
  removed(runner: PoolRunner): void;
}
