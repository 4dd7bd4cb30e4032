/** Content of the status page, independent of its format. */

import type { BinaryString } from '../text/binary.ts';
import type { RequestTexts } from '../text/request-texts.ts';

/** Worker mode: a worker's facts about its application. */
export interface ApplicationStatus {
  /** Number of boots in this worker. */
  readonly boots: number;
  /** Duration of the last boot. */
  readonly bootMicros: number;
  /** Since the last boot. */
  readonly requests: number;
  /** Growth of PHP's memory in use per request since the boot, from the 20th on; undefined until 20 more have ended. */
  readonly growthBytesPerRequest?: number;
}

/** One worker. Neither `path` nor `requestId` is part of any format. */
export interface ProcessStatus extends RequestTexts {
  readonly pid: number;
  /** Label of the worker's stage. */
  readonly state: string;
  /** Seconds since 1970. */
  readonly startTime: number;
  readonly requests: number;
  /** Microseconds. An idle worker's last request, or the running one so far. */
  readonly requestDuration: number;
  readonly contentLength: number;
  /** CPU use of the last request in percent of one CPU; 0 unless idle. */
  readonly lastRequestCpu: number;
  /** Memory peak of the last request in bytes; 0 unless idle. */
  readonly lastRequestMemory: number;
  /** Undefined for a worker that runs scripts. */
  readonly application: ApplicationStatus | undefined;
}

export interface StatusSnapshot {
  /** The pool's name. */
  readonly pool: BinaryString;
  readonly processManager: string;
  /** Seconds since 1970. */
  readonly startTime: number;
  readonly acceptedConnections: number;
  readonly listenQueue: number;
  readonly maxListenQueue: number;
  /** Limit of the backlog in connections; 0 when unknown. */
  readonly listenQueueLength: number;
  readonly idleProcesses: number;
  readonly activeProcesses: number;
  readonly maxActiveProcesses: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  /** Highest memory use of a request since the start, in bytes; undefined where the pool's PHP has no such field. */
  readonly memoryPeak: number | undefined;
  readonly maxChildren: number;
  /** Worker mode: the list of processes has additional fields. */
  readonly isBooted: boolean;
  /** In slot order. */
  readonly processes: readonly ProcessStatus[];
}
