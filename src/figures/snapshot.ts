/** What the admin endpoint shows: data only, so that who renders it needs no master. */

import type { Configuration } from '../config/directives.ts';
import type { EndMode } from '../engine/contract.ts';
import type { DurationCounts } from '../scoreboard/durations.ts';
import type { RouteTable } from '../scoreboard/routes.ts';
import type { ProcessStatus } from '../status/snapshot.ts';
import type { Profile, ProfileOptions } from '../trace/profile.ts';
import type { HistoryAnswer, PoolAnswer, PoolsAnswer, ReloadResult, TotalsAnswer } from './answers.ts';
import type { SlowRequest, WorkerStack } from './slow-request.ts';

/** What the requests of a pool were. */
export interface PoolRoutes {
  readonly pool: string;
  readonly table: RouteTable;
}

export interface WorkerSnapshot extends ProcessStatus {
  /** It belongs to a generation that a reload replaced and finishes its request. */
  readonly draining: boolean;
}

/** What the kernel says of a worker. */
export interface WorkerProcess {
  /** Resident memory, shared pages included; undefined of a thread, which has none of its own. */
  readonly residentBytes: number | undefined;
  /** Percent of one CPU since the sample before; undefined without one in the last 30 seconds. */
  readonly cpuPercent: number | undefined;
}

/** Processes of a pool, draining generations included; a sample at most a second old. */
export interface PoolProcesses {
  /** Resident memory of its hosts. With the embedded engine workers are threads of the host. */
  readonly hostBytes: number;
  /** By pid. */
  readonly workers: ReadonlyMap<number, WorkerProcess>;
  /** CPU time of hosts and workers since the master's start, as far as it has been sampled. */
  readonly cpuSeconds: number;
  /** Percent of one CPU since the sample before; undefined without one in the last 30 seconds. */
  readonly cpuPercent: number | undefined;
}

/** Counts since the master's start, over reloads. */
export interface PoolTotals extends TotalsAnswer {
  readonly durations: DurationCounts;
}

export interface PoolSnapshot
  extends Omit<PoolAnswer, 'workers' | 'hostResidentBytes' | 'cpuSeconds' | 'cpuPercent' | 'totals'> {
  readonly totals: PoolTotals;
  /** Undefined where it was not asked for. */
  readonly processes: PoolProcesses | undefined;
  /** What would be free without the worker, by pid; undefined until they have been looked at. */
  readonly privateBytes: ReadonlyMap<number, number> | undefined;
  readonly workers: readonly WorkerSnapshot[];
}

export interface AdminSnapshot extends Omit<PoolsAnswer, 'pools' | 'durationBoundsMicros'> {
  readonly pools: readonly PoolSnapshot[];
}

export type SnapshotDetail = 'summary' | 'full';

/** What may be asked of the master. */
export type AdminVerb = 'reload' | 'reloadChanged' | 'reopenLogs' | 'finish' | 'terminate';

/** What the endpoint knows of the master. */
export interface AdminSource {
  /**
   * Reads; changes nothing.
   *
   * @param detail `full` has memory and CPU of the processes, which costs a file of /proc each, and what the
   *   workers' requests are; in a `summary` those texts are empty
   */
  read(detail: SnapshotDetail): AdminSnapshot;
  /** What the requests were since the master's start; undefined when there is no such pool. */
  routes(pool: string | undefined): readonly PoolRoutes[] | undefined;
  /** See {@link History.read}; undefined when there is no such pool. */
  history(pool: string | undefined, since: number): HistoryAnswer | undefined;
  /** What is in force. Holds secrets. */
  configuration(): Configuration;
  /** Puts it into the master's queue. `peer` says who asks, for the log; here and below. */
  ask(verb: AdminVerb, peer: string): void;
  /** The same for a reload; settles when it has ended. */
  reload(verb: 'reload' | 'reloadChanged', peer: string): Promise<ReloadResult>;
  /** Asks a worker to end. @returns false when the pool has no such worker */
  endWorker(pool: string, pid: number, how: EndMode, peer: string): boolean;
  /** Takes a pool out of the balancing, or puts it back. @returns false when there is no such pool */
  drain(pool: string, isDrained: boolean, peer: string): boolean;
  /** The latest entries of all slow logs, the latest one first. */
  slowRequests(): readonly SlowRequest[];
  /** What a worker runs now, with its PHP stack; undefined when the pool has no such worker. */
  stack(pool: string, pid: number): WorkerStack | undefined;
  /**
   * Samples the pool's busy workers; settles when the time is over, or nobody waits for it any more.
   *
   * @throws ProfileRefused (the promise rejects)
   */
  profile(options: ProfileOptions, peer: string, gone: AbortSignal): Promise<Profile>;
}
