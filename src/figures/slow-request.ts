/** Inspected requests: those of the slow log, and the current one of a worker. */

import type { RequestTexts } from '../text/request-texts.ts';
import type { Stack } from '../trace/frame.ts';

export interface RequestFacts extends Pick<RequestTexts, 'method' | 'query' | 'script' | 'requestId'> {
  /** Time of the inspection, milliseconds since 1970. */
  readonly at: number;
  readonly pool: string;
  readonly pid: number;
  /** Requested path, without query. */
  readonly uri: RequestTexts['path'];
  /** From its first byte to the inspection. */
  readonly durationMicros: number;
  /**
   * Bytes. Native: resident memory of the worker's process. Embedded (workers are threads): the peak of PHP's memory in
   * the worker's last request. Undefined when unknown.
   */
  readonly memoryBytes: number | undefined;
  readonly stack: Stack;
}

/** A request that exceeded request_slowlog_timeout, at the moment of detection. */
export type SlowRequest = RequestFacts;

/** A worker at the moment of the question. */
export interface WorkerStack extends RequestFacts {
  /** Stage as on the status page. */
  readonly state: string;
}
