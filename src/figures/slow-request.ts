/** Requests that are looked at one by one: those of the slow log, and the one that a worker runs now. */

import type { Stack } from '../trace/frame.ts';

export interface RequestFacts {
  /** When it was looked at, milliseconds since 1970. */
  readonly at: number;
  readonly pool: string;
  readonly pid: number;
  /** Strings of the request are binary strings, as in the scoreboard. */
  readonly script: string;
  readonly method: string;
  /** What the client asked for, without query. */
  readonly uri: string;
  readonly query: string;
  /** Empty where it has none. */
  readonly requestId: string;
  /** From its first byte until it was looked at. */
  readonly durationMicros: number;
  /**
   * Bytes. Native: what the worker's process holds in memory. Embedded, whose workers are no processes: the peak of PHP's
   * memory in the worker's last request. Undefined where that is not known.
   */
  readonly memoryBytes: number | undefined;
  readonly stack: Stack;
}

/** A request that took longer than request_slowlog_timeout, at the moment when that was noticed. */
export type SlowRequest = RequestFacts;

/** A worker at the moment of asking. */
export interface WorkerStack extends RequestFacts {
  /** Stage as on the status page. */
  readonly state: string;
}
