/** What the admin endpoint shows: data only, so that who renders it needs no master. */

import type { Configuration } from '../config/directives.ts';
import type { EndMode } from '../engine/contract.ts';
import type { DurationCounts } from '../scoreboard/durations.ts';
import type { OpcacheFigures } from '../scoreboard/reader.ts';
import type { ProcessStatus } from '../status/snapshot.ts';
import type { Profile, ProfileOptions } from '../trace/profile.ts';
import type { HistoryAnswer } from './history.ts';
import type { SlowRequest, WorkerStack } from './slow-request.ts';

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
}

/** Why a worker was replaced; `host` counts hosts that died. */
export type RestartCause = 'exit' | 'signal' | 'timeout' | 'host';

/** Counts since the master's start, over reloads. */
export interface PoolTotals {
  /** Answers by class: 1xx, 2xx, 3xx, 4xx, 5xx. */
  readonly responses: readonly number[];
  /** Requests that ended, by duration. */
  readonly durations: DurationCounts;
  /** Requests begun. */
  readonly accepted: number;
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  readonly terminatedRequests: number;
  readonly restarts: Readonly<Record<RestartCause, number>>;
}

/** What happened in the last seconds. Quantiles are estimates, undefined when no request ended. */
export interface RecentFigures {
  /** How long the time is that is looked at. */
  readonly seconds: number;
  readonly requestsPerSecond: number;
  readonly p50Micros: number | undefined;
  readonly p95Micros: number | undefined;
  readonly p99Micros: number | undefined;
}

export interface PoolSnapshot {
  readonly name: string;
  /** `starting`: no host serves the pool (yet, or since the last one died). */
  readonly state: 'serving' | 'starting';
  /** Why no host serves it, in the words of the log; undefined while one does, and before one has failed. */
  readonly failure: string | undefined;
  /** Of the host that serves; undefined before there is one. */
  readonly engine: string | undefined;
  readonly phpVersion: string | undefined;
  readonly listen: string;
  readonly processManager: string;
  readonly maxChildren: number;
  readonly idle: number;
  readonly active: number;
  /** Highest `active` of the generation that serves. */
  readonly maxActive: number;
  readonly queue: number;
  readonly maxQueue: number;
  /** 0 when unknown. */
  readonly queueLimit: number;
  /** Requests begun by the generation that serves. */
  readonly accepted: number;
  /** Of the generation that serves. */
  readonly maxChildrenReached: number;
  readonly slowRequests: number;
  readonly memoryPeakBytes: number;
  /** Of all its processes, what they share counted once; undefined when unknown. At most half a minute old. */
  readonly memoryBytes: number | undefined;
  readonly totals: PoolTotals;
  readonly recent: RecentFigures;
  /** Undefined where it was not asked for. */
  readonly processes: PoolProcesses | undefined;
  /** Undefined where OPcache is off or has not been asked yet. With the embedded engine the sum of its threads, which have one each. */
  readonly opcache: OpcacheFigures | undefined;
  readonly generation: number | undefined;
  /** Milliseconds since 1970; undefined before there is a host. */
  readonly startedAt: number | undefined;
  readonly workers: readonly WorkerSnapshot[];
}

/**
 * How a reload ended. `partial`: the new configuration is in force, but a pool could not be started with it and goes
 * on as it was, or tries again. `refused`: it was not valid, or something that it names could not be had, and
 * nothing has changed.
 */
export type ReloadOutcome = 'succeeded' | 'partial' | 'refused';

/** Reloads since the master's start. */
export type ReloadCounts = Readonly<Record<ReloadOutcome, number>>;

export interface ReloadResult {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly outcome: ReloadOutcome;
  /** Why it was not a full success, one reason an element, in the words of the log. */
  readonly reasons: readonly string[];
}

export interface AdminSnapshot {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly version: string;
  readonly pid: number;
  /** State of the master, master/master-states.ts. */
  readonly state: string;
  readonly startedAt: number;
  readonly reloads: ReloadCounts;
  readonly lastReload: ReloadResult | undefined;
  /** The master's own process. */
  readonly master: { readonly residentBytes: number; readonly cpuSeconds: number };
  readonly pools: readonly PoolSnapshot[];
}

export type SnapshotDetail = 'summary' | 'full';

/** What may be asked of the master. */
export type AdminVerb = 'reload' | 'reopenLogs';

/** What the endpoint knows of the master. */
export interface AdminSource {
  /**
   * Reads; changes nothing.
   *
   * @param detail `full` has memory and CPU of the processes, which costs a file of /proc each, and what the
   *   workers' requests are; in a `summary` those texts are empty
   */
  read(detail: SnapshotDetail): AdminSnapshot;
  /** See {@link History.read}; undefined when there is no such pool. */
  history(pool: string | undefined, since: number): HistoryAnswer | undefined;
  /** What is in force. Holds secrets. */
  configuration(): Configuration;
  /** Puts it into the master's queue. `peer` says who asks, for the log; here and below. */
  ask(verb: AdminVerb, peer: string): void;
  /** The same for a reload; settles when it has ended. */
  reload(peer: string): Promise<ReloadResult>;
  /** Asks a worker to end. @returns false when the pool has no such worker */
  endWorker(pool: string, pid: number, how: EndMode, peer: string): boolean;
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
