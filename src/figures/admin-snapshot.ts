/** Data of the admin endpoint: rendering it needs no master. */

import type { Leak } from '../pool/leak-detector.ts';
import type { DurationCounts } from '../scoreboard/durations.ts';
import type { RouteTable } from '../scoreboard/routes.ts';
import type { ProcessStatus } from '../status/status-snapshot.ts';
import type { PoolAnswer, PoolsAnswer, TotalsAnswer } from './answers.ts';

/** Requests of a pool by route. */
export interface PoolRoutes {
  readonly pool: string;
  readonly table: RouteTable;
}

export interface WorkerSnapshot extends ProcessStatus {
  /** Belongs to a generation that a reload replaced, and finishes its request. */
  readonly draining: boolean;
}

/** The kernel's figures of a worker. */
export interface WorkerProcess {
  /** Resident memory, including shared pages; undefined for a thread, which has none of its own. */
  readonly residentBytes: number | undefined;
  /** Percent of one CPU since the previous sample; undefined if that is more than 30 seconds ago. */
  readonly cpuPercent: number | undefined;
}

/** Processes of a pool, including draining generations; at most a second old. */
export interface PoolProcesses {
  /** Resident memory of its hosts. In the embedded engine workers are threads of the host. */
  readonly hostBytes: number;
  /** By pid. */
  readonly workers: ReadonlyMap<number, WorkerProcess>;
  /** CPU time of hosts and workers since the master's start, as far as it was sampled. */
  readonly cpuSeconds: number;
  /** Percent of one CPU since the previous sample; undefined if that is more than 30 seconds ago. */
  readonly cpuPercent: number | undefined;
}

/** Counters since the master's start, across reloads. */
export interface PoolCounts extends TotalsAnswer {
  readonly durations: DurationCounts;
}

export interface PoolSnapshot
  extends Omit<
    PoolAnswer,
    'leaks' | 'workers' | 'hostResidentBytes' | 'cpuSeconds' | 'cpuPercent' | 'totals'
  > {
  readonly totals: PoolCounts;
  readonly leaks: readonly Leak[];
  /** Undefined unless requested. */
  readonly processes: PoolProcesses | undefined;
  /** Memory that would be free without the worker, by pid; undefined until measured. */
  readonly privateBytes: ReadonlyMap<number, number> | undefined;
  readonly workers: readonly WorkerSnapshot[];
}

export interface AdminSnapshot extends Omit<PoolsAnswer, 'pools' | 'durationBoundsMicros'> {
  readonly pools: readonly PoolSnapshot[];
}

export type SnapshotDetail = 'summary' | 'full';
