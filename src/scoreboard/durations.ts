/** How long requests took, counted in classes: what a worker counts in its slot and the master adds up. */

/**
 * Upper ends of the classes, microseconds; what is longer than the last one has a class of its own.
 *
 * Three classes a decade: an estimate between two ends is wrong by less than the factor 3, and a slot still holds
 * them. They start at 1 ms, under which no application lives, and end where defaults do: PHP's max_execution_time
 * is 30 s, nginx's fastcgi_read_timeout 60 s.
 */
export const durationBounds = [
  1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000,
  10_000_000, 30_000_000, 60_000_000,
] as const;

/** Number of classes, the open one included. */
export const durationClasses = durationBounds.length + 1;

/** Requests that ended, by their duration from accept to end. */
export interface DurationCounts {
  /** By class, one more than there are bounds; not cumulative. */
  readonly counts: readonly number[];
  readonly sumMicros: number;
}

export const noDurations: DurationCounts = { counts: new Array(durationClasses).fill(0), sumMicros: 0 };

/** The class of a duration; one that equals a bound is in the class that the bound ends. */
export function durationClass(micros: number): number {
  const index = durationBounds.findIndex((bound) => micros <= bound);
  return index < 0 ? durationBounds.length : index;
}

export function addDurations(left: DurationCounts, right: DurationCounts): DurationCounts {
  return {
    counts: left.counts.map((count, index) => count + (right.counts[index] ?? 0)),
    sumMicros: left.sumMicros + right.sumMicros,
  };
}

/** What came between two readings; never below 0, whatever a worker wrote. */
export function durationsSince(now: DurationCounts, before: DurationCounts): DurationCounts {
  return {
    counts: now.counts.map((count, index) => Math.max(0, count - (before.counts[index] ?? 0))),
    sumMicros: Math.max(0, now.sumMicros - before.sumMicros),
  };
}

/**
 * An estimate of a quantile in microseconds, as PromQL's histogram_quantile makes it: linear within the class, and
 * the last bound for what is longer than it.
 *
 * @param quantile from 0 to 1
 * @returns undefined when no request was counted
 */
export function durationQuantile({ counts }: DurationCounts, quantile: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  const rank = quantile * total;
  let below = 0;
  for (const [index, bound] of durationBounds.entries()) {
    const count = counts[index] ?? 0;
    const start = index === 0 ? 0 : (durationBounds[index - 1] ?? 0);
    if (count > 0 && below + count >= rank) return start + ((bound - start) * (rank - below)) / count;
    below += count;
  }
  return durationBounds.at(-1);
}
