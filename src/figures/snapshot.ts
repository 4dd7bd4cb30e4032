/** Data of the admin endpoint: rendering it needs no master. */

import type { Configuration } from '../config/directives.ts';
import type { EndMode } from '../engine/contract.ts';
import type { DurationCounts } from '../scoreboard/durations.ts';
import type { RouteTable } from '../scoreboard/routes.ts';
import type { ProcessStatus } from '../status/snapshot.ts';
import type { Profile, ProfileOptions } from '../trace/profile.ts';
import type { HistoryAnswer, PoolAnswer, PoolsAnswer, ReloadResult, TotalsAnswer } from './answers.ts';
import type { SlowRequest, WorkerStack } from './slow-request.ts';

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
  /** Percent of one CPU since the sample before; undefined without one in the last 30 seconds. */
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
  /** Percent of one CPU since the sample before; undefined without one in the last 30 seconds. */
  readonly cpuPercent: number | undefined;
}

/** Counters since the master's start, across reloads. */
export interface PoolTotals extends TotalsAnswer {
  readonly durations: DurationCounts;
}

export interface PoolSnapshot
  extends Omit<PoolAnswer, 'workers' | 'hostResidentBytes' | 'cpuSeconds' | 'cpuPercent' | 'totals'> {
  readonly totals: PoolTotals;
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

/** Requests to the master. */
export type AdminVerb = 'reload' | 'reloadChanged' | 'reopenLogs' | 'finish' | 'terminate';

/** The endpoint's view of the master. */
export interface AdminSource {
  /**
   * Reads without changing anything.
   *
   * @param detail `full` has memory and CPU of the processes, which costs a file of /proc each, and texts of the
   *   workers' requests; a `summary` leaves them empty
   */
  read(detail: SnapshotDetail): AdminSnapshot;
  /** Requests by route since the master's start; undefined for an unknown pool. */
  routes(pool: string | undefined): readonly PoolRoutes[] | undefined;
  /** See {@link History.read}; undefined for an unknown pool. */
  history(pool: string | undefined, since: number): HistoryAnswer | undefined;
  /** The configuration in effect. Contains secrets. */
  configuration(): Configuration;
  /** Enqueues a request for the master. Here and below, `peer` is the client, for the log. */
  ask(verb: AdminVerb, peer: string): void;
  /** The same for a reload; settles at its end. */
  reload(verb: 'reload' | 'reloadChanged', peer: string): Promise<ReloadResult>;
  /** Asks a worker to end. @returns false when the pool has no such worker */
  endWorker(pool: string, pid: number, how: EndMode, peer: string): boolean;
  /** Takes a pool out of the balancing, or puts it back. @returns false when there is no such pool */
  drain(pool: string, isDrained: boolean, peer: string): boolean;
  /** Latest entries of all slow logs, latest first. */
  slowRequests(): readonly SlowRequest[];
  /** A worker's current request with its PHP stack; undefined for an unknown worker. */
  stack(pool: string, pid: number): WorkerStack | undefined;
  /**
   * Samples the pool's busy workers; settles at the end of the time, or when nobody waits any more.
   *
   * @throws ProfileRefused (the promise rejects)
   */
  profile(options: ProfileOptions, peer: string, gone: AbortSignal): Promise<Profile>;
}
