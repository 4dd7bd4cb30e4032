/**
 * Profiles of pools: samples the stacks of their busy workers at a constant rate, from outside. A sample is a handful
 * of preads and stops nobody; the master spends at most a quarter of its time on it.
 */

import type { Generation } from '../generation/generation.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import type { WorkerStacks } from '../generation/worker-stacks.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import { workerStages } from '../scoreboard/states.ts';
import { type Profile, ProfileCounts, type ProfileOptions, ProfileRefused } from '../trace/profile.ts';
import type { Walk } from '../trace/walker.ts';

/** Further calls are left out: the outermost ones of a deep recursion. */
const deepest = 128;
const shareOfTheMaster = 0.25;

interface BusyWorker {
  readonly generation: Generation;
  readonly slot: number;
}

export class Profiler {
  #isRunning = false;

  /**
   * Settles at the end of the time, or when nobody waits any more.
   *
   * @throws ProfileRefused (rejects) when the pool cannot be profiled, or another profile is running
   */
  async profile(
    options: ProfileOptions,
    runner: PoolRunner | undefined,
    gone: AbortSignal,
  ): Promise<Profile> {
    if (runner === undefined) throw new ProfileRefused(404, `there is no pool "${options.pool}"`);
    const { serving } = runner;
    const obstacle = serving === undefined ? 'no host serves the pool' : serving.stacks.obstacle;
    if (obstacle !== undefined)
      throw new ProfileRefused(501, `pool "${options.pool}" has no stacks: ${obstacle}`);
    if (this.#isRunning) throw new ProfileRefused(409, 'a profile is being made already');
    this.#isRunning = true;
    try {
      return await new Sampling(runner).run(options, gone);
    } finally {
      this.#isRunning = false;
    }
  }
}

/** One profile. */
class Sampling {
  readonly #runner: PoolRunner;
  readonly #counts = new ProfileCounts();
  /** A reload may bring a new generation meanwhile. */
  readonly #glances = new Map<Generation, ReturnType<WorkerStacks['glances']>>();

  constructor(runner: PoolRunner) {
    this.#runner = runner;
  }

  async run(options: ProfileOptions, gone: AbortSignal): Promise<Profile> {
    const startedAt = Date.now();
    const start = monotonicMicros();
    const period = 1e6 / options.hertz;
    const ticks = options.seconds * options.hertz;
    for (let tick = 0; tick < ticks && !gone.aborted; tick += 1) {
      // At a random time in each period: otherwise code with the same period would always be seen at one point.
      await until(start + (tick + Math.random()) * period);
      this.#lookAround(tick, period * shareOfTheMaster);
      // A late tick is not made up for: the samples would not be independent.
      tick = Math.max(tick, Math.floor((monotonicMicros() - start) / period) - 1);
    }
    if (!gone.aborted) await until(start + options.seconds * 1e6);
    const { stacks, samples, unsteady, looks, dropped, skipped, lookMicros } = this.#counts;
    return { ...options, startedAt, stacks, samples, unsteady, looks, dropped, skipped, lookMicros };
  }

  /** Samples each busy worker once, starting with another one each time, within the time allowed. */
  #lookAround(tick: number, budgetMicros: number): void {
    const started = monotonicMicros();
    const busy = this.#runner.generations().flatMap(busyWorkers);
    for (let index = 0; index < busy.length; index += 1) {
      if (index > 0 && monotonicMicros() - started > budgetMicros) {
        this.#counts.skipped += busy.length - index;
        break;
      }
      const worker = busy[(index + tick) % busy.length];
      if (worker !== undefined) this.#counts.add(this.#glance(worker));
    }
    this.#counts.lookMicros += monotonicMicros() - started;
  }

  #glance({ generation, slot }: BusyWorker): Walk | undefined {
    if (!this.#glances.has(generation)) this.#glances.set(generation, generation.stacks.glances());
    return this.#glances.get(generation)?.(slot, deepest);
  }
}

function busyWorkers(generation: Generation): BusyWorker[] {
  return generation.workers
    .all()
    .filter(({ slot, pid }) => pid !== 0 && isBusy(generation, slot))
    .map(({ slot }) => ({ generation, slot }));
}

function isBusy({ reader }: Generation, slot: number): boolean {
  const stage = reader.readSlotNumbers(slot)?.stage ?? 'idle';
  return stage !== 'unknown' && workerStages[stage].code >= workerStages.running.code;
}

/** Does not delay the end of the process. */
function until(micros: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, Math.max(0, (micros - monotonicMicros()) / 1000)).unref();
  return promise;
}
