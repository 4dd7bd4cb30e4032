/** What the last hour asked of a pool, from its history: the load of each minute, and of the busiest one. Pure. */

import { offeredLoad } from './staffing.ts';

/** What is looked at of a history: columns of equal length, the oldest sample first; null where a figure is not known. */
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
  /** Arrivals a second, those that did not get to a worker yet included. */
  readonly rate: number;
  /** What a request took on average; undefined when none ended. */
  readonly serviceSeconds: number | undefined;
  /** Workers that were wanted on average. */
  readonly load: number;
  /** The most that were busy at once, the limit, the most connections that waited. */
  readonly busy: number;
  readonly limit: number;
  readonly queue: number;
  readonly memoryBytes: number | undefined;
}

export interface Demand {
  readonly minutes: readonly LoadMinute[];
  readonly peak: LoadMinute;
  /** Average load over all minutes. */
  readonly meanLoad: number;
  /** How long the history is that it was taken from. */
  readonly seconds: number;
  /** Every worker was busy and connections waited in the busiest minute: more may have been wanted than was seen. */
  readonly isCut: boolean;
}

const minuteMs = 60_000;

/** @returns undefined where nothing is known yet */
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
  // Counted back from now, so that the last minute is a whole one.
  for (const sample of samples) {
    const age = Math.floor((newest - sample.at) / minuteMs);
    const group = groups.get(age);
    if (group === undefined) groups.set(age, [sample]);
    else group.push(sample);
  }
  return [...groups.values()].map(minuteOf);
}

/** Without the first sample, which has no rates, and without those of which nothing is known. */
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
      // A queue is the highest of the seconds since the sample before: its growth is near enough.
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
  };
}

/**
 * By Little's law. A request counts in it when it ends; where workers were busy for clearly longer (two standard errors
 * of looking once a second), it is with requests that had not ended yet, and what was seen counts.
 */
function loadOf(rate: number, service: number | undefined, busyMean: number, seconds: number): number {
  const load = service === undefined ? 0 : offeredLoad(rate, service);
  const error = 2 * Math.sqrt(Math.max(busyMean, load) / Math.max(1, seconds));
  return busyMean > load + error ? busyMean : load;
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((total, one) => total + of(one), 0);
}
