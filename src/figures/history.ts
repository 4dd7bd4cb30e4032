/** The last hour of a pool: the values of a sample and the displayed columns. */

import type { DurationCounts } from '../scoreboard/durations.ts';

/** Figures of a sample, in storage order. Rates and quantiles cover the time since the previous one. */
export const historyColumns = [
  'requestsPerSecond',
  /** Answers with status 5xx. */
  'errorsPerSecond',
  'p50Micros',
  'p95Micros',
  'p99Micros',
  /** Average duration of a request. */
  'meanMicros',
  /** Maximum of active workers, and of the queue, sampled once a second. */
  'busy',
  /** Average since the previous sample. */
  'busyMean',
  'limit',
  /** Busy workers relative to the limit, from 0 to 1: of the pool, or of the pool with the highest value. */
  'fullest',
  'queue',
  'memoryBytes',
] as const;
export type HistoryColumn = (typeof historyColumns)[number];

/** Columns of equal length, oldest sample first; null for unknown figures. */
export type HistorySamples = {
  /** Undefined for all pools together. */
  readonly pool: string | undefined;
  readonly intervalMs: number;
  /** Milliseconds since 1970. */
  readonly at: readonly number[];
} & { readonly [column in HistoryColumn]: readonly (number | null)[] };

/** Counters of a pool, which only grow. */
export interface PoolCounts {
  readonly accepted: number;
  readonly errors: number;
  readonly durations: DurationCounts;
}

/** Values of a pool in a sample. */
export interface PoolSample {
  readonly name: string;
  /** Maximum of active workers and waiting connections since the previous sample. */
  readonly busy: number;
  /** Average of active workers. */
  readonly busyMean: number;
  readonly queue: number;
  readonly limit: number;
  /** Undefined when unknown. */
  readonly memoryBytes: number | undefined;
  readonly counts: PoolCounts;
  /** The pool has no process; it is not reported again until that changes. */
  readonly isAtRest?: boolean;
}
