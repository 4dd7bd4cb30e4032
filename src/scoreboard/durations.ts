/**
 * Duration classes: the histogram of each worker's requests, estimates from it, and the longest requests of the last
 * seconds, which bound the estimates.
 */

/** Ten steps a decade, each about a quarter more than the previous, so that round numbers are bounds. */
const steps = [100, 125, 160, 200, 250, 300, 400, 500, 600, 800] as const;

/** Default limits: PHP's max_execution_time is 30 s, nginx's fastcgi_read_timeout 60 s. */
const lastBound = 60_000_000;

/**
 * Upper bounds of the classes in microseconds; longer durations have a class of their own. An estimate between two
 * bounds is wrong by a third at most, usually by less.
 */
export const durationBounds: readonly number[] = [1, 10, 100, 1000, 10_000, 100_000]
  .flatMap((decade) => steps.map((step) => step * decade))
  .filter((bound) => bound <= lastBound);

/** Number of classes, including the open one. */
export const durationClasses = durationBounds.length + 1;

/** Length of a period for longest requests, in microseconds of CLOCK_MONOTONIC. */
export const peakPeriodMicros = 5_000_000;
/** Number of periods, including the current one. */
export const peakPeriods = 4;

/** The longest requests of the last periods. */
export interface DurationPeaks {
  /** Number of the newest period in which a request ended; 0 before the first request. */
  readonly period: number;
  /** The longest request of that period, of the one before it, and so on, in microseconds. */
  readonly micros: readonly number[];
}

/** Ended requests by duration, from accept to end. */
export interface DurationCounts {
  /** By class, one more than there are bounds; without accumulation. */
  readonly counts: readonly number[];
  readonly sumMicros: number;
  readonly peaks: DurationPeaks;
}

const noPeaks: DurationPeaks = { period: 0, micros: new Array(peakPeriods).fill(0) };

export const noDurations: DurationCounts = {
  counts: new Array(durationClasses).fill(0),
  sumMicros: 0,
  peaks: noPeaks,
};

/** The class of a duration; a bound belongs to the class below it. */
export function durationClass(micros: number): number {
  const index = durationBounds.findIndex((bound) => micros <= bound);
  return index < 0 ? durationBounds.length : index;
}

/** The period of a moment of CLOCK_MONOTONIC. */
export function peakPeriod(clockMicros: number): number {
  return Math.floor(clockMicros / peakPeriodMicros);
}

export function addDurations(left: DurationCounts, right: DurationCounts): DurationCounts {
  return {
    counts: left.counts.map((count, index) => count + (right.counts[index] ?? 0)),
    sumMicros: left.sumMicros + right.sumMicros,
    peaks: mergePeaks(left.peaks, right.peaks),
  };
}

function mergePeaks(left: DurationPeaks, right: DurationPeaks): DurationPeaks {
  const period = Math.max(left.period, right.period);
  const micros = noPeaks.micros.map((_, age) =>
    Math.max(peakAt(left, period - age), peakAt(right, period - age)),
  );
  return { period, micros };
}

function peakAt({ period, micros }: DurationPeaks, wanted: number): number {
  return micros[period - wanted] ?? 0;
}

/** Difference of two readings; never below 0, whatever a worker wrote. */
export function durationsSince(now: DurationCounts, before: DurationCounts): DurationCounts {
  return {
    counts: now.counts.map((count, index) => Math.max(0, count - (before.counts[index] ?? 0))),
    sumMicros: Math.max(0, now.sumMicros - before.sumMicros),
    peaks: now.peaks,
  };
}

/**
 * The longest request that ended in that period or later.
 *
 * @returns undefined when unknown, or when the period is so old that a longer request may be forgotten
 */
export function longestSince(
  { peaks: { period, micros } }: DurationCounts,
  since: number,
): number | undefined {
  if (since <= period - peakPeriods) return undefined;
  const longest = Math.max(...micros.slice(0, Math.max(0, period - since + 1)), 0);
  return longest === 0 ? undefined : longest;
}

/**
 * Estimates a quantile in microseconds: linear within the class, as PromQL's histogram_quantile does, but at most the
 * longest request.
 *
 * @param quantile from 0 to 1
 * @param longest microseconds; without it durations above the last bound count as that bound
 * @returns undefined without requests
 */
export function durationQuantile(
  { counts }: Pick<DurationCounts, 'counts'>,
  quantile: number,
  longest: number = lastBound,
): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const rank = quantile * total;
  let below = 0;
  for (const [index, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const start = durationBounds[index - 1] ?? 0;
      const end = Math.max(start, Math.min(longest, durationBounds[index] ?? longest));
      return start + ((end - start) * (rank - below)) / count;
    }
    below += count;
  }
  return Math.max(longest, lastBound);
}
