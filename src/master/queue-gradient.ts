/** Feeds the adaptive limit of a native pool's queue (`queue.adaptive`) once a second. */

import type { PoolRunner } from '../generation/pool-runner.ts';
import { type GradientMemory, newGradient, stepGradient } from '../pool/gradient.ts';

const stepMs = 1000;

interface Counts {
  readonly at: number;
  readonly ended: number;
  readonly sumMicros: number;
}

export class QueueGradient {
  #memory: GradientMemory | undefined;
  #before: Counts | undefined;

  /** Connections that may wait beside so many workers. */
  mayWait(workers: number): number | undefined {
    return this.#memory === undefined ? undefined : Math.max(1, Math.floor(this.#memory.limit) - workers);
  }

  /** @param moment milliseconds, connections that wait, workers with a request */
  observe(
    runner: PoolRunner,
    { now, queue, active }: { readonly now: number; readonly queue: number; readonly active: number },
  ): void {
    const before = this.#before;
    if (before !== undefined && now - before.at < stepMs) return;
    const { durations } = runner.metrics.counts();
    const ended = durations.counts.reduce((sum, count) => sum + count, 0);
    this.#before = { at: now, ended, sumMicros: durations.sumMicros };
    const workers = runner.serving?.workers.upCount ?? 0;
    this.#memory ??= newGradient(workers);
    const count = before === undefined ? 0 : ended - before.ended;
    // The wait for a worker by Little's law: the kernel does not tell it.
    const micros =
      before === undefined || count <= 0
        ? undefined
        : (durations.sumMicros - before.sumMicros) / count + (queue * (now - before.at) * 1000) / count;
    this.#memory = stepGradient(this.#memory, { micros, inside: active + queue, workers });
    runner.adaptive = this.#memory;
  }
}
