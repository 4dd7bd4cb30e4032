/** What is kept of the last hour: what a pool tells at a sample, and the columns that are shown. */

import type { DurationCounts } from '../scoreboard/durations.ts';

/** Figures of a sample, in the order in which they are kept. Rates and quantiles are of the time since the last one. */
export const historyColumns = [
  'requestsPerSecond',
  /** Answers with a 5xx status. */
  'errorsPerSecond',
  'p50Micros',
  'p95Micros',
  'p99Micros',
  /** What a request took on average. */
  'meanMicros',
  /** The most active workers at once, as the queue: looked at once a second. */
  'busy',
  /** On average over the time since the last sample. */
  'busyMean',
  'limit',
  /** Busy workers against the limit, from 0 to 1: the pool's, or that of the pool where it is highest. */
  'fullest',
  'queue',
  'memoryBytes',
] as const;
export type HistoryColumn = (typeof historyColumns)[number];

/** Columns of equal length, the oldest sample first; null where a figure is not known. */
export type HistorySamples = {
  /** Absent where it is all pools together. */
  readonly pool: string | undefined;
  readonly intervalMs: number;
  /** Milliseconds since 1970. */
  readonly at: readonly number[];
} & { readonly [column in HistoryColumn]: readonly (number | null)[] };

/** Counts of a pool, which only grow. */
export interface PoolCounts {
  readonly accepted: number;
  readonly errors: number;
  readonly durations: DurationCounts;
}

/** What is told of a pool at a sample. */
export interface PoolSample {
  readonly name: string;
  /** The most active workers and waiting connections of the seconds since the sample before. */
  readonly busy: number;
  /** Active workers on average. */
  readonly busyMean: number;
  readonly queue: number;
  readonly limit: number;
  /** Undefined when unknown. */
  readonly memoryBytes: number | undefined;
  readonly counts: PoolCounts;
  /** It has no process, and is not told of again until that changes. */
  readonly isAtRest?: boolean;
}
