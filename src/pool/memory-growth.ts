/**
 * Memory of workers, and their growth per request: sizes at several times in, figures out. Pure.
 *
 * A worker grows quickly in its first requests (caches of PHP and the application), which is no leak: only later growth
 * counts. Old growth counts less and less, so that a deployment that fixes a leak shows.
 */

import { warmAfterRequests } from '../scoreboard/layout.ts';

/** A worker at one time. */
export interface MemorySample {
  readonly pid: number;
  /** Private memory, which would be free without the worker. */
  readonly bytes: number;
  /** Requests that it had begun. */
  readonly requests: number;
}

/** Minimum of requests for a meaningful growth. */
const leastRequests = 100;
/** Number of requests after which older knowledge counts half. */
const forgetAfterRequests = 100_000;

export interface WorkerMemory {
  /** Workers in the last measurement. */
  readonly measured: number;
  /** Of workers past their warm-up, if there are any; else of all. */
  readonly averageBytes: number;
  readonly largestBytes: number;
  /** The largest worker in any measurement. */
  readonly peakBytes: number;
  /** Growth per request; undefined until enough were measured. */
  readonly growthBytesPerRequest: number | undefined;
}

export interface GrowthMemory {
  readonly last: ReadonlyMap<number, MemorySample>;
  readonly peakBytes: number;
  readonly grownBytes: number;
  readonly overRequests: number;
}

export const noGrowth: GrowthMemory = { last: new Map(), peakBytes: 0, grownBytes: 0, overRequests: 0 };

/** Records all workers of a pool at one time. */
export function noteMemory(memory: GrowthMemory, samples: readonly MemorySample[]): GrowthMemory {
  const keep = memory.overRequests > forgetAfterRequests ? 0.5 : 1;
  let grownBytes = memory.grownBytes * keep;
  let overRequests = memory.overRequests * keep;
  for (const sample of samples) {
    const before = memory.last.get(sample.pid);
    // Fewer requests than before: a new worker with a reused pid.
    if (before === undefined || before.requests < warmAfterRequests || sample.requests <= before.requests)
      continue;
    grownBytes += sample.bytes - before.bytes;
    overRequests += sample.requests - before.requests;
  }
  return {
    last: new Map(samples.map((sample) => [sample.pid, sample])),
    peakBytes: Math.max(memory.peakBytes, ...samples.map(({ bytes }) => bytes)),
    grownBytes,
    overRequests,
  };
}

/** @returns undefined without workers */
export function workerMemory({
  last,
  peakBytes,
  grownBytes,
  overRequests,
}: GrowthMemory): WorkerMemory | undefined {
  const all = [...last.values()];
  if (all.length === 0) return undefined;
  const warm = all.filter(({ requests }) => requests >= warmAfterRequests);
  const counted = warm.length > 0 ? warm : all;
  return {
    measured: all.length,
    averageBytes: Math.round(counted.reduce((sum, { bytes }) => sum + bytes, 0) / counted.length),
    largestBytes: Math.max(...all.map(({ bytes }) => bytes)),
    peakBytes,
    growthBytesPerRequest:
      overRequests < leastRequests ? undefined : Math.max(0, Math.round(grownBytes / overRequests)),
  };
}
