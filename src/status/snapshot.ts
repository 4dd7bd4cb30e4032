/** What the status page shows, independent of any format. */

/** One worker. Strings are binary strings (one character a byte) and may hold anything a client sent. */
export interface ProcessStatus {
  readonly pid: number;
  /** Label of its stage. */
  readonly state: string;
  /** Seconds since 1970. */
  readonly startTime: number;
  readonly requests: number;
  /** Microseconds: of the last request while idle, else of the running one so far. */
  readonly requestDuration: number;
  readonly method: string;
  /** Of the script, without query. */
  readonly uri: string;
  readonly query: string;
  readonly contentLength: number;
  readonly user: string;
  readonly script: string;
  /** What the client asked for, without query; no format shows it, nor the next one. */
  readonly path: string;
  /** Empty where it has none. */
  readonly requestId: string;
  /** Percent of one CPU that the last request used; 0 unless idle. */
  readonly lastRequestCpu: number;
  /** Bytes; 0 unless idle. */
  readonly lastRequestMemory: number;
}

export interface StatusSnapshot {
  /** The pool's name, a binary string. */
  readonly pool: string;
  readonly processManager: string;
  /** Seconds since 1970. */
  readonly startTime: number;
  readonly acceptedConnections: number;
  readonly listenQueue: number;
  readonly maxListenQueue: number;
  /** How many connections may wait; 0 when unknown. */
  readonly listenQueueLength: number;
  readonly idleProcesses: number;
  readonly activeProcesses: number;
  readonly maxActiveProcesses: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  /** Highest memory use of a request since the start, bytes; undefined where the pool's PHP does not show it. */
  readonly memoryPeak: number | undefined;
  readonly maxChildren: number;
  /** In slot order. */
  readonly processes: readonly ProcessStatus[];
}
