/** What a process manager is asked, and what it answers. */

import type { WorkerStage } from '../scoreboard/states.ts';
import type { LogMessage } from './messages.ts';

/** Time between two heartbeats. The spawn rate counts in this unit. */
export const heartbeatMillis = 1000;

/** What the managers need of a pool's configuration; keys are the directives' names, times are seconds. */
export interface ManagerSettings {
  readonly name: string;
  readonly pm: 'static' | 'dynamic' | 'ondemand';
  readonly 'pm.max_children': number;
  readonly 'pm.start_servers': number;
  readonly 'pm.min_spare_servers': number;
  readonly 'pm.max_spare_servers': number;
  readonly 'pm.max_spawn_rate': number;
  readonly 'pm.process_idle_timeout': number;
}

/** One worker as the master knows it, from the moment it was asked for until it is reaped. */
export interface ManagedWorker {
  readonly slot: number;
  /** 0 until the worker is up. */
  readonly pid: number;
  /** CLOCK_MONOTONIC in milliseconds, as `now`. */
  readonly startedAt: number;
  /** `creating` until the worker is up. */
  readonly stage: WorkerStage;
  /** When its stage last changed, CLOCK_MONOTONIC in milliseconds. */
  readonly lastActivityAt: number;
  /** It was asked to end, by whomever. */
  readonly stopping: boolean;
}

/** Why the managers are asked. */
export type ManagerEvent =
  /** Once, before anything runs. */
  | { readonly type: 'start' }
  /** Every {@link heartbeatMillis} in normal operation. */
  | { readonly type: 'heartbeat' }
  /** A connection waits and no worker is idle; `connections` when it is known how many (default 1). */
  | { readonly type: 'waiting'; readonly connections?: number }
  /** The host has made a worker for a connection, in the slot of `slotForNext()`; it is among the workers. */
  | { readonly type: 'grown' }
  /** So many workers died and are due for replacement (respawn.ts says when). */
  | { readonly type: 'replace'; readonly count: number };

/** What a manager carries from one decision to the next. Opaque to the caller but for the counter. */
export interface ManagerMemory {
  /** Dynamic: how many workers the next growth may start. */
  readonly spawnRate: number;
  /** The pool is in an episode of "max children reached", which was logged and counted. */
  readonly atMaximum: boolean;
  /** Episodes so far: "max children reached" of the status page. */
  readonly maxChildrenReached: number;
  /** process.max was logged and no worker has been started since. */
  readonly processMaxLogged: boolean;
  /** Workers that the manager has asked to end, by pid. */
  readonly asked: readonly number[];
}

export const initialMemory: ManagerMemory = {
  spawnRate: 1,
  atMaximum: false,
  maxChildrenReached: 0,
  processMaxLogged: false,
  asked: [],
};

export type SpawnReason = 'start' | 'grow' | 'replace';

export type ManagerAction =
  | { readonly type: 'spawn'; readonly slot: number; readonly reason: SpawnReason }
  /** `quit` lets a request that was accepted meanwhile finish; `kill` is for one that ignored it and is idle. */
  | { readonly type: 'stop'; readonly slot: number; readonly how: 'quit' | 'kill' };

export interface ManagerInput {
  readonly pool: ManagerSettings;
  readonly event: ManagerEvent;
  /** CLOCK_MONOTONIC in milliseconds. */
  readonly now: number;
  /** Every worker that is not reaped yet, at most one a slot. */
  readonly workers: readonly ManagedWorker[];
  /** Workers of all pools together, this one's included. */
  readonly globalRunning: number;
  /** `process.max`; 0 is no limit. */
  readonly processMax: number;
  /** Hidden pools (of pm.status_listen) neither log nor count a reached maximum. */
  readonly hidden?: boolean;
  readonly memory: ManagerMemory;
}

export interface ManagerDecision {
  readonly actions: readonly ManagerAction[];
  readonly messages: readonly LogMessage[];
  /** To be handed in with the next decision for this pool. */
  readonly memory: ManagerMemory;
}
