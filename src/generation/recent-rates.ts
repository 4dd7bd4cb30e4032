/** The counters of a pool some seconds ago, for rates and quantiles of the last seconds at any time. */

import type { PoolCounts } from '../figures/admin-snapshot.ts';
import type { RecentAnswer } from '../figures/answers.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import {
  type DurationCounts,
  durationQuantile,
  durationsSince,
  longestSince,
  peakPeriod,
} from '../scoreboard/durations.ts';

/** Time between two samples, ms. */
const spacing = 5000;
/** Rates cover the time since the oldest of these: 10 to 15 seconds. */
const samplesKept = 3;

interface Sample {
  /** Monotonic ms. */
  readonly at: number;
  /** The same for the longest requests. */
  readonly period: number;
  readonly accepted: number;
  readonly errors: number;
  readonly busySeconds: number;
  readonly durations: DurationCounts;
}

export class RecentRates {
  #samples: readonly Sample[];

  /** @param now monotonic ms, here and below */
  constructor(now: number, totals: PoolCounts) {
    this.#samples = [sample(now, totals)];
  }

  /** Takes a sample when one is due; call it about once a second. @param read returns the totals */
  note(now: number, read: () => PoolCounts): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && now - last.at < spacing) return;
    this.#samples = [...this.#samples, sample(now, read())].slice(-samplesKept);
  }

  rates(now: number, totals: PoolCounts): RecentAnswer {
    const oldest = this.#samples[0] ?? sample(now, totals);
    const seconds = (now - oldest.at) / 1000;
    const durations = durationsSince(totals.durations, oldest.durations);
    const longest = longestSince(durations, oldest.period);
    // Never below 0, whatever a worker wrote.
    const perSecond = (now: number, before: number): number =>
      seconds > 0 ? Math.max(0, now - before) / seconds : 0;
    const ended = durations.counts.reduce((sum, count) => sum + count, 0);
    return {
      seconds,
      requestsPerSecond: perSecond(totals.accepted, oldest.accepted),
      errorsPerSecond: perSecond(errorsOf(totals), oldest.errors),
      busyWorkers: perSecond(totals.busySeconds, oldest.busySeconds),
      meanMicros: ended === 0 ? undefined : durations.sumMicros / ended,
      p50Micros: durationQuantile(durations, 0.5, longest),
      p95Micros: durationQuantile(durations, 0.95, longest),
      p99Micros: durationQuantile(durations, 0.99, longest),
    };
  }
}

function sample(at: number, totals: PoolCounts): Sample {
  const { accepted, busySeconds, durations } = totals;
  return {
    at,
    period: peakPeriod(monotonicMicros()),
    accepted,
    errors: errorsOf(totals),
    busySeconds,
    durations,
  };
}

function errorsOf({ responses }: PoolCounts): number {
  return responses[4] ?? 0;
}
