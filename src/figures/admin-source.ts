/** The admin endpoint's questions to the master. */

import type { Configuration } from '../config/directives.ts';
import type { EndMode } from '../engine/contract.ts';
import type { Profile, ProfileOptions } from '../trace/profile.ts';
import type { AdminSnapshot, PoolRoutes, SnapshotDetail } from './admin-snapshot.ts';
import type { ConfigurationsAnswer, HistoryAnswer, ReloadResult, UpgradeResult } from './answers.ts';
import type { PoolChoice } from './pool-choice.ts';
import type { SlowRequest, WorkerStack } from './slow-request.ts';

/** Requests to the master. */
export type AdminVerb =
  | 'reload'
  | 'reloadChanged'
  | 'abortReload'
  | 'rollback'
  | 'reopenLogs'
  | 'finish'
  | 'terminate';

/** The endpoint's view of the master. */
export interface AdminSource {
  /**
   * Reads without changing anything.
   *
   * @param detail `full` has memory and CPU of the processes, which costs a file of /proc each, and texts of the
   *   workers' requests; a `summary` leaves them empty
   * @param choice the pools to show, default: all
   */
  read(detail: SnapshotDetail, choice?: PoolChoice): AdminSnapshot;
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
  /** Gives up new generations that do not serve alone yet. @returns false without one */
  abortReload(peer: string): boolean;
  /**
   * Applies an earlier configuration again; settles at its end.
   *
   * @param kept its number; undefined means the one before the current one
   */
  rollback(kept: number | undefined, peer: string): Promise<ReloadResult>;
  /**
   * Has another program become the master; settles when it serves, or has failed and this one goes on.
   *
   * @param program path; undefined for that of this process as it is on disk now
   */
  upgrade(program: string | undefined, peer: string): Promise<UpgradeResult>;
  /** Configurations that a rollback can apply. */
  configurations(): ConfigurationsAnswer;
  /** Asks a worker to end. @returns false when the pool has no such worker */
  endWorker(pool: string, pid: number, how: EndMode, peer: string): boolean;
  /** Removes a pool from load balancing, or puts it back. @returns false for an unknown pool */
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
