/**
 * Profiles of pools: looks at the stacks of their busy workers at a steady rate, from outside. A look is a handful of
 * preads and stops nobody; the master gives at most a quarter of its time to all profiles together.
 */

import { monotonicMicros } from '../scoreboard/clock.ts';
import { workerStages } from '../scoreboard/states.ts';
import { type Profile, ProfileCounts, type ProfileOptions, ProfileRefused } from '../trace/profile.ts';
import type { Generation } from './generation.ts';
import type { PoolRunner } from './pool-runner.ts';

/** Calls beyond this one are left out: the outermost ones of a deep recursion. */
const deepest = 128;
const shareOfTheMaster = 0.25;

interface BusyWorker {
  readonly generation: Generation;
  readonly slot: number;
}

export class Profiler {
  readonly #running = new Set<string>();

  /**
   * Settles when the time is over.
   *
   * @throws ProfileRefused (rejects) when the pool cannot be profiled, or is being profiled
   */
  async profile(options: ProfileOptions, runner: PoolRunner | undefined): Promise<Profile> {
    if (runner === undefined) throw new ProfileRefused(404, `there is no pool "${options.pool}"`);
    const { serving } = runner;
    const obstacle = serving === undefined ? 'no host serves the pool' : serving.stacks.obstacle;
    if (obstacle !== undefined)
      throw new ProfileRefused(501, `pool "${options.pool}" has no stacks: ${obstacle}`);
    if (this.#running.size > 0) throw new ProfileRefused(409, 'a profile is being made already');
    this.#running.add(options.pool);
    try {
      return await sample(options, runner);
    } finally {
      this.#running.delete(options.pool);
    }
  }
}

async function sample(options: ProfileOptions, runner: PoolRunner): Promise<Profile> {
  const startedAt = Date.now();
  const counts = new ProfileCounts();
  const start = monotonicMicros();
  const period = 1e6 / options.hertz;
  const ticks = options.seconds * options.hertz;
  for (let tick = 0; tick < ticks; tick += 1) {
    await until(start + tick * period);
    lookAround(runner, counts, tick, period * shareOfTheMaster);
    // A tick that comes late is not made up for: the looks would not be independent.
    tick = Math.max(tick, Math.floor((monotonicMicros() - start) / period) - 1);
  }
  await until(start + options.seconds * 1e6);
  const { stacks, samples, dropped, skipped, lookMicros } = counts;
  return { ...options, startedAt, stacks, samples, dropped, skipped, lookMicros };
}

/** One look at each busy worker, beginning with another one each time, for as long as the time allows. */
function lookAround(runner: PoolRunner, counts: ProfileCounts, tick: number, budgetMicros: number): void {
  const started = monotonicMicros();
  const busy = runner.generations().flatMap(busyWorkers);
  for (let index = 0; index < busy.length; index += 1) {
    if (index > 0 && monotonicMicros() - started > budgetMicros) {
      counts.skipped += busy.length - index;
      break;
    }
    const worker = busy[(index + tick) % busy.length];
    const walk = worker?.generation.stacks.glance(worker.slot, deepest);
    if (walk === undefined) counts.dropped += 1;
    else counts.add(walk.calls);
  }
  counts.lookMicros += monotonicMicros() - started;
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

/** Does not hold up the end of the process. */
function until(micros: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve, Math.max(0, (micros - monotonicMicros()) / 1000)).unref();
  return promise;
}
