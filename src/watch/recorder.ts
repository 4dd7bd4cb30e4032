/** The master's records of its pools: the last hour, and their memory. */

import type { PoolSample } from '../figures/history.ts';
import { AwakeSet } from '../generation/awake-set.ts';
import { contain } from '../generation/bulkhead.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import { History } from './history.ts';
import { PoolMemory } from './pool-memory.ts';

export class Recorder {
  readonly history = new History();
  readonly memory = new PoolMemory();
  /** Pools that were active at some time since the last sample. */
  readonly #awake = new AwakeSet();

  /** An event of a pool in effect. */
  rouse(runner: PoolRunner): void {
    this.#awake.rouse(runner);
  }

  /** The pool is no longer in effect. */
  forget(runner: PoolRunner): void {
    this.#awake.remove(runner);
    this.history.forget(runner.name);
  }

  /** Once a second. */
  heartbeat(): void {
    this.memory.refresh(monotonicMicros() / 1000, this.#awake.pools);
    const at = Date.now();
    if (!this.history.isDue(at)) return;
    const samples = this.#awake.pools.flatMap(
      (runner) => contain(runner, 'recording it', () => this.#sample(runner)) ?? [],
    );
    this.history.add(at, samples, monotonicMicros());
    this.#awake.letRest();
  }

  #sample({ name, config, metrics, isAtRest }: PoolRunner): PoolSample {
    return {
      name,
      limit: config['pm.max_children'],
      ...metrics.historySample(),
      memoryBytes: this.memory.of(name)?.bytes,
      isAtRest,
    };
  }
}
