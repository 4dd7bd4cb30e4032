/** What the page uses of the answers of the admin endpoint (docs/observability.md). What is not known is absent. */

export interface Worker {
  readonly pid: number;
  readonly state: string;
  readonly draining: boolean;
  readonly startedAt: number;
  readonly requests: number;
  readonly method: string;
  readonly uri: string;
  readonly query?: string;
  readonly script: string;
  readonly durationMicros: number;
  readonly cpuPercent?: number;
  readonly memoryBytes?: number;
  /** Of its process; absent of a thread. */
  readonly residentBytes?: number;
  readonly processCpuPercent?: number;
}

/** A call of a stack. */
export interface Frame {
  readonly function: string;
  readonly class?: string;
  /** Empty when unknown. */
  readonly file: string;
  readonly line: number;
}

/** Innermost call first; or why there is none. */
export interface Stack {
  readonly frames?: readonly Frame[];
  readonly reason?: string;
}

export interface SlowRequest extends Stack {
  readonly at: number;
  readonly pool: string;
  readonly pid: number;
  readonly script: string;
  readonly method: string;
  readonly uri: string;
  readonly query?: string;
  readonly durationMicros: number;
}

export interface Pool {
  readonly name: string;
  readonly state: 'serving' | 'starting';
  readonly failure?: string;
  readonly engine?: string;
  readonly phpVersion?: string;
  readonly listen: string;
  readonly processManager: string;
  readonly maxChildren: number;
  readonly idle: number;
  readonly active: number;
  readonly maxActive: number;
  readonly queue: number;
  readonly maxQueue: number;
  readonly queueLimit: number;
  readonly memoryBytes?: number;
  /** Since the master's start. */
  readonly totals: {
    readonly responses: readonly number[];
    readonly slowRequests: number;
    readonly maxChildrenReached: number;
  };
  readonly recent: {
    readonly requestsPerSecond: number;
    readonly p50Micros?: number;
    readonly p95Micros?: number;
    readonly p99Micros?: number;
  };
  readonly workers: readonly Worker[];
}

export interface ReloadResult {
  readonly at: number;
  readonly outcome: 'succeeded' | 'partial' | 'refused';
  readonly reasons: readonly string[];
}

export interface Snapshot {
  readonly at: number;
  readonly version: string;
  readonly pid: number;
  readonly state: string;
  readonly startedAt: number;
  readonly lastReload?: ReloadResult;
  readonly pools: readonly Pool[];
}

export type Column = readonly (number | null)[];

export interface History {
  readonly intervalMs: number;
  readonly at: readonly number[];
  readonly requestsPerSecond: Column;
  readonly errorsPerSecond: Column;
  readonly p50Micros: Column;
  readonly p95Micros: Column;
  readonly p99Micros: Column;
  readonly busy: Column;
  readonly limit: Column;
  readonly queue: Column;
  readonly memoryBytes: Column;
}

export type ColumnName = Exclude<keyof History, 'intervalMs' | 'at'>;
