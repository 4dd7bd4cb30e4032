/** What the master remembers of its pools for whoever asks: the last hour, and the memory that they take. */

import type { PoolSample } from '../figures/history.ts';
import { contain } from '../generation/bulkhead.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import { History } from './history.ts';
import { PoolMemory } from './pool-memory.ts';

export class Records {
  readonly history = new History();
  readonly #memory = new PoolMemory();

  /** Bytes by name of the pool. */
  get memory(): ReadonlyMap<string, number> {
    return this.#memory.bytes;
  }

  /** Once a second. */
  beat(runners: readonly PoolRunner[]): void {
    this.#memory.refresh(monotonicMicros() / 1000, runners);
    const at = Date.now();
    if (!this.history.isDue(at)) return;
    this.history.add(
      at,
      runners.flatMap((runner) => contain(runner, 'recording it', () => this.#sample(runner)) ?? []),
      monotonicMicros(),
    );
  }

  #sample({ name, config, figures }: PoolRunner): PoolSample {
    return {
      name,
      limit: config['pm.max_children'],
      ...figures.historySample(),
      memoryBytes: this.memory.get(name),
    };
  }
}
