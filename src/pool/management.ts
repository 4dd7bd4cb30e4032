/** Input and output of a process manager. */

import type { WorkerStage } from '../scoreboard/states.ts';
import type { LogMessage } from './messages.ts';

/** Time between two heartbeats, and the unit of the spawn rate. */
export const heartbeatMillis = 1000;

/** The managers' part of a pool's configuration; keys are directive names, times are seconds. */
export interface ManagerSettings {
  readonly name: string;
  readonly pm: 'static' | 'dynamic' | 'ondemand' | 'auto';
  readonly 'pm.max_children': number;
  readonly 'pm.min_children': number;
  readonly 'pm.start_servers': number;
  readonly 'pm.min_spare_servers': number;
  readonly 'pm.max_spare_servers': number;
  readonly 'pm.max_spawn_rate': number;
  readonly 'pm.process_idle_timeout': number;
}

/** One worker from the master's point of view, from its order until it is reaped. */
export interface ManagedWorker {
  readonly slot: number;
  /** 0 until the worker is up. */
  readonly pid: number;
  /** CLOCK_MONOTONIC in milliseconds, like `now`. */
  readonly startedAt: number;
  /** `creating` until the worker is up. */
  readonly stage: WorkerStage;
  /** Last change of its stage, CLOCK_MONOTONIC in milliseconds. */
  readonly lastActivityAt: number;
  /** It was asked to end, by anyone. */
  readonly stopping: boolean;
}

/** The event that the managers decide on. */
export type ManagerEvent =
  /** Once, before anything runs. */
  | { readonly type: 'start' }
  /** Every {@link heartbeatMillis} in normal operation. */
  | { readonly type: 'heartbeat' }
  /** A connection waits and no worker is idle; `connections` is their number, if known (default 1). */
  | { readonly type: 'waiting'; readonly connections?: number }
  /** The host has made a worker for a connection, in the slot of `slotForNext()`; it is among the workers. */
  | { readonly type: 'grown' }
  /** This many dead workers are due for replacement (respawn.ts decides when). */
  | { readonly type: 'replace'; readonly count: number };

/** A manager's state between two decisions. Opaque to the caller except for the counter. */
export interface ManagerMemory {
  /** Dynamic: number of workers that the next growth may start. */
  readonly spawnRate: number;
  /** An episode of "max children reached" is in progress; it was logged and counted. */
  readonly atMaximum: boolean;
  /** Number of episodes: "max children reached" of the status page. */
  readonly maxChildrenReached: number;
  /** process.max was logged and no worker has started since. */
  readonly processMaxLogged: boolean;
  /** Pids of workers that the manager asked to end. */
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
  /** `quit` lets a request accepted meanwhile finish; `kill` is for an idle worker that ignored it. */
  | { readonly type: 'stop'; readonly slot: number; readonly how: 'quit' | 'kill' };

export interface ManagerInput {
  readonly pool: ManagerSettings;
  readonly event: ManagerEvent;
  /** CLOCK_MONOTONIC in milliseconds. */
  readonly now: number;
  /** Every worker that is not reaped yet, at most one per slot. */
  readonly workers: readonly ManagedWorker[];
  /** Workers of all pools, including this one. */
  readonly globalRunning: number;
  /** `process.max`; 0: no limit. */
  readonly processMax: number;
  /** Hidden pools (of pm.status_listen) neither log nor count a reached maximum. */
  readonly hidden?: boolean;
  /** With `pm = auto`, at a heartbeat: see auto-sizing.ts. */
  readonly auto?: {
    readonly target: number;
    /** Demand exceeds pm.max_children. */
    readonly isAtMaximum: boolean;
    /** Some workers do not fit into the memory. */
    readonly isMemoryShort: boolean;
  };
  readonly memory: ManagerMemory;
}

export interface ManagerDecision {
  readonly actions: readonly ManagerAction[];
  readonly messages: readonly LogMessage[];
  /** Input of the next decision for this pool. */
  readonly memory: ManagerMemory;
}
