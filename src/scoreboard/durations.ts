/**
 * Classes of durations: a histogram that every worker counts its requests in, what comes of it, and the longest
 * requests of the last seconds, which bound its estimates.
 */

/** Ten steps a decade, each about a quarter more than the last one, so that round numbers are bounds. */
const steps = [100, 125, 160, 200, 250, 300, 400, 500, 600, 800] as const;

/** Where defaults end: PHP's max_execution_time is 30 s, nginx's fastcgi_read_timeout 60 s. */
const lastBound = 60_000_000;

/**
 * Upper ends of the classes, microseconds; what is longer than the last one has a class of its own. An estimate between
 * two ends is wrong by a third at most, mostly by less.
 */
export const durationBounds: readonly number[] = [1, 10, 100, 1000, 10_000, 100_000]
  .flatMap((decade) => steps.map((step) => step * decade))
  .filter((bound) => bound <= lastBound);

/** Number of classes, the open one included. */
export const durationClasses = durationBounds.length + 1;

/** Longest requests are kept by periods of so many microseconds of CLOCK_MONOTONIC, … */
export const peakPeriodMicros = 5_000_000;
/** … so many of them, the present one included. */
export const peakPeriods = 4;

/** The longest requests of the last periods. */
export interface DurationPeaks {
  /** Number of the newest period in which a request ended; 0 for none. */
  readonly period: number;
  /** The longest request of that period, of the one before it, and so on; microseconds. */
  readonly micros: readonly number[];
}

/** Requests that ended, by their duration from accept to end. */
export interface DurationCounts {
  /** By class, one more than there are bounds; not cumulative. */
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

/** The class of a duration; one that equals a bound is in the class that the bound ends. */
export function durationClass(micros: number): number {
  const index = durationBounds.findIndex((bound) => micros <= bound);
  return index < 0 ? durationBounds.length : index;
}

/** The period that a moment of CLOCK_MONOTONIC is in. */
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

/** What came between two readings; never below 0, whatever a worker wrote. */
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
 * @returns undefined when none is known, or the period is so long ago that a longer one may be forgotten
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
 * An estimate of a quantile in microseconds: linear within the class, as PromQL's histogram_quantile makes it, but not
 * more than the longest request.
 *
 * @param quantile from 0 to 1
 * @param longest microseconds; without it what is longer than the last bound counts as that
 * @returns undefined when no request was counted
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
