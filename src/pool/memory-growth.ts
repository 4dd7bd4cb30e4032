/**
 * What workers take, and by how much a request leaves them larger: sizes at some moments in, figures out. Pure.
 *
 * A worker grows quickly in its first requests (caches of PHP and the application), which is no leak: only what comes
 * after them counts. Old growth counts ever less, so that a deployment that mends a leak is seen.
 */

/** A worker at one moment. */
export interface MemorySample {
  readonly pid: number;
  /** Of its own: what would be free without it. */
  readonly bytes: number;
  /** Requests that it had begun by then. */
  readonly requests: number;
}

/** Requests after which a worker has its working size. */
export const warmAfterRequests = 20;
/** Growth over fewer requests than this says nothing. */
const leastRequests = 100;
/** Requests from which on what is known counts half. */
const forgetAfterRequests = 100_000;

export interface WorkerMemory {
  /** Workers at the last look. */
  readonly measured: number;
  /** Of those that have served for a while, where there is one; else of all. */
  readonly averageBytes: number;
  readonly largestBytes: number;
  /** The largest that was seen at any look. */
  readonly peakBytes: number;
  /** By which a request leaves its worker larger; undefined until enough were seen. */
  readonly growthBytesPerRequest: number | undefined;
}

export interface GrowthMemory {
  readonly last: ReadonlyMap<number, MemorySample>;
  readonly peakBytes: number;
  readonly grownBytes: number;
  readonly overRequests: number;
}

export const noGrowth: GrowthMemory = { last: new Map(), peakBytes: 0, grownBytes: 0, overRequests: 0 };

/** Takes down all workers of a pool at one moment. */
export function noteMemory(memory: GrowthMemory, samples: readonly MemorySample[]): GrowthMemory {
  const keep = memory.overRequests > forgetAfterRequests ? 0.5 : 1;
  let grownBytes = memory.grownBytes * keep;
  let overRequests = memory.overRequests * keep;
  for (const sample of samples) {
    const before = memory.last.get(sample.pid);
    // Fewer requests than before: a new worker that has the old one's pid.
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

/** @returns undefined where there is no worker to look at */
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
