/** Demand on a pool in the last hour, from its history: the load of each minute, and of the busiest one. Pure. */

import type { CountedLoad } from './queue-simulation.ts';
import { offeredLoad } from './staffing.ts';

/** Used columns of a history: equal length, oldest sample first; null for unknown figures. */
export interface LoadSamples {
  /** Milliseconds since 1970. */
  readonly at: readonly number[];
  readonly requestsPerSecond: readonly (number | null)[];
  readonly meanMicros: readonly (number | null)[];
  readonly busy: readonly (number | null)[];
  readonly busyMean: readonly (number | null)[];
  readonly limit: readonly (number | null)[];
  readonly queue: readonly (number | null)[];
  readonly memoryBytes: readonly (number | null)[];
}

/** A minute of the past. */
export interface LoadMinute {
  /** Its end, milliseconds since 1970. */
  readonly at: number;
  readonly seconds: number;
  /** Arrivals a second, including those still waiting for a worker. */
  readonly rate: number;
  /** Average duration of a request; undefined if none ended. */
  readonly serviceSeconds: number | undefined;
  /** Average of workers in demand. */
  readonly load: number;
  /** Maximum of busy workers, the limit, maximum of waiting connections. */
  readonly busy: number;
  readonly limit: number;
  readonly queue: number;
  readonly memoryBytes: number | undefined;
  /** The same by samples of the history, oldest first. */
  readonly parts: readonly CountedLoad[];
}

export interface Demand {
  readonly minutes: readonly LoadMinute[];
  readonly peak: LoadMinute;
  /** Average load of all minutes. */
  readonly meanLoad: number;
  /** Length of the history in seconds. */
  readonly seconds: number;
  /** In the busiest minute all workers were busy and connections waited: the real demand may be higher. */
  readonly isCut: boolean;
}

const minuteMs = 60_000;

/** @returns undefined while nothing is known */
export function demandOf(history: LoadSamples): Demand | undefined {
  const minutes = minutesOf(history);
  if (minutes.length === 0) return undefined;
  const peak = minutes.reduce((most, minute) => (minute.load > most.load ? minute : most));
  const seconds = minutes.reduce((sum, minute) => sum + minute.seconds, 0);
  const meanLoad = minutes.reduce((sum, minute) => sum + minute.load * minute.seconds, 0) / seconds;
  return { minutes, peak, meanLoad, seconds, isCut: peak.queue > 0 && peak.busy >= peak.limit };
}

interface Sample {
  readonly at: number;
  readonly seconds: number;
  readonly rate: number;
  readonly serviceMicros: number | undefined;
  readonly busyMean: number;
  readonly busy: number;
  readonly limit: number;
  readonly queue: number;
  readonly memoryBytes: number | undefined;
}

function minutesOf(history: LoadSamples): LoadMinute[] {
  const samples = samplesOf(history);
  const newest = samples.at(-1)?.at ?? 0;
  const groups = new Map<number, Sample[]>();
  // Counted backwards from now, so that the last minute is complete.
  for (const sample of samples) {
    const age = Math.floor((newest - sample.at) / minuteMs);
    const group = groups.get(age);
    if (group === undefined) groups.set(age, [sample]);
    else group.push(sample);
  }
  return [...groups.values()].map(minuteOf);
}

/** Skips the first sample, which has no rates, and unknown ones. */
function samplesOf(history: LoadSamples): Sample[] {
  return history.at.flatMap((at, index) => {
    const before = history.at[index - 1];
    const rate = history.requestsPerSecond[index];
    if (before === undefined || rate === null || rate === undefined) return [];
    const seconds = (at - before) / 1000;
    const queue = history.queue[index] ?? 0;
    const grown = queue - (history.queue[index - 1] ?? 0);
    return {
      at,
      seconds,
      // A queue is the maximum since the previous sample: close enough for its growth.
      rate: Math.max(0, rate + grown / seconds),
      serviceMicros: history.meanMicros[index] ?? undefined,
      busyMean: history.busyMean[index] ?? 0,
      busy: history.busy[index] ?? 0,
      limit: history.limit[index] ?? 0,
      queue,
      memoryBytes: history.memoryBytes[index] ?? undefined,
    };
  });
}

function minuteOf(samples: readonly Sample[]): LoadMinute {
  const seconds = sum(samples, (sample) => sample.seconds);
  const mean = (of: (sample: Sample) => number): number =>
    sum(samples, (sample) => of(sample) * sample.seconds) / seconds;
  const rate = mean((sample) => sample.rate);
  const ended = samples.filter(({ serviceMicros }) => serviceMicros !== undefined);
  const weight = sum(ended, (sample) => sample.rate * sample.seconds);
  const serviceSeconds =
    ended.length === 0
      ? undefined
      : weight > 0
        ? sum(ended, (sample) => (sample.serviceMicros! / 1e6) * sample.rate * sample.seconds) / weight
        : ended[0]!.serviceMicros! / 1e6;
  return {
    at: samples.at(-1)!.at,
    seconds,
    rate,
    serviceSeconds,
    load: loadOf(
      rate,
      serviceSeconds,
      mean(({ busyMean }) => busyMean),
      seconds,
    ),
    busy: Math.max(...samples.map(({ busy }) => busy)),
    limit: samples.at(-1)!.limit,
    queue: Math.max(...samples.map(({ queue }) => queue)),
    memoryBytes: samples.findLast(({ memoryBytes }) => memoryBytes !== undefined)?.memoryBytes,
    parts: samples.map((sample) => ({
      seconds: sample.seconds,
      arrivals: sample.rate * sample.seconds,
      serviceSeconds: sample.serviceMicros === undefined ? serviceSeconds : sample.serviceMicros / 1e6,
    })),
  };
}

/**
 * Little's law. A request counts when it ends; if workers were clearly busy for longer (two standard errors of sampling
 * once a second), they had unfinished requests, and the observed number counts.
 */
function loadOf(rate: number, service: number | undefined, busyMean: number, seconds: number): number {
  const load = service === undefined ? 0 : offeredLoad(rate, service);
  const error = 2 * Math.sqrt(Math.max(busyMean, load) / Math.max(1, seconds));
  return busyMean > load + error ? busyMean : load;
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((total, one) => total + of(one), 0);
}
