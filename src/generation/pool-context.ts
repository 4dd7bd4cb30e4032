/** What a pool's runner needs from the master, and what it tells it. */

import type { PoolConfig } from '../config/directives.ts';
import type { PoolIdentity } from '../engine/host-settings.ts';
import type { EngineCommand } from '../engine/select.ts';
import type { SlowRequest } from '../figures/slow-request.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { HostPatience } from '../pool/obedience.ts';
import type { Listener } from '../sockets/listener.ts';
import type { Generation } from './generation.ts';
import type { HostDescriptors, HostLife, LifeListener } from './host-life.ts';
import type { HostEvent } from './host-process.ts';
import type { PoolRunner } from './pool-runner.ts';
import type { Sleepers } from './sleepers.ts';

/** A pool together with what the master resolved for it. */
export interface PreparedPool {
  readonly config: PoolConfig;
  readonly identity: PoolIdentity | undefined;
  readonly command: EngineCommand;
  /** What its hosts are told; see {@link hostSettings}. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Of all that makes its hosts: see {@link poolFingerprint}. */
  readonly fingerprint: string;
  /** The pool's listening socket; it belongs to the master and outlives every generation. */
  readonly listener: Listener;
}

/** Which pools get a new generation by a reload: every one, or those whose hosts would be made otherwise. */
export type ReloadScope = 'all' | 'changed';

/** Whose files a pool's logs may be in a folder that others may write, beside root's and the master's. */
export function logOwners({ identity }: Pick<PreparedPool, 'identity'>): readonly number[] {
  return identity === undefined ? [] : [identity.uid];
}

export interface PoolContext {
  readonly log: ErrorLog;
  readonly env: NodeJS.ProcessEnv;
  /** Monotonic clock, milliseconds. */
  readonly now: () => number;
  /** Raised by every start of a host. */
  readonly nextGenerationNumber: () => number;
  /** Workers of all pools together. */
  readonly runningWorkers: () => number;
  /** Whether workers that die are to be replaced: false once the master stops. */
  readonly isNormal: () => boolean;
  /** Whether new generations are on their way: who follows a dead worker of an old one is no news then. */
  readonly isReloading: () => boolean;
  /** `process.max`, `process_control_timeout` (seconds) of the configuration in force. */
  readonly processMax: () => number;
  readonly processControlTimeout: () => number;
  /** Has the process of a host made: executed, or forked from a template. */
  readonly startHost: (pool: PreparedPool, descriptors: HostDescriptors, listener: LifeListener) => HostLife;
  /**
   * Prepares what the pool's next host is started from.
   *
   * @param done with the reason when it cannot be started; called from the master's queue, inside the pool's wall
   */
  readonly prepareStart: (
    runner: PoolRunner,
    pool: PreparedPool,
    done: (failure: string | undefined) => void,
  ) => void;
  readonly sleepers: Sleepers;
  /** Puts the first connection of a pool that sleeps into the master's queue. */
  readonly enqueueWake: (runner: PoolRunner) => void;
  /** Descriptor of the pool's access log, which belongs to the master. */
  readonly accessLog: (pool: PreparedPool) => number | undefined;
  /** Puts an event of a host into the master's queue. */
  readonly enqueueHostEvent: (runner: PoolRunner, generation: Generation, event: HostEvent) => void;
  /** Asks for a look at the deadlines at a monotonic time in milliseconds. */
  readonly wakeAt: (time: number) => void;
  /** When a host that does not answer or obey is replaced. */
  readonly patience: HostPatience;
  /** Runs something of a pool in a later turn of the event loop, inside the pool's wall. */
  readonly later: (runner: PoolRunner, generation: Generation, act: () => void) => void;
  readonly onOutcome: (outcome: PoolOutcome) => void;
  /** A request went into the slow log. */
  readonly onSlowRequest: (request: SlowRequest) => void;
}

/** Who is told which pools in force there is something to see of. */
export interface PoolWatcher {
  /** Something happens to it. */
  roused(runner: PoolRunner): void;
  /** It is not in force any more. */
  removed(runner: PoolRunner): void;
}

export type PoolOutcome =
  /** A generation took over the pool's socket. */
  | { readonly type: 'serving'; readonly runner: PoolRunner; readonly generation: Generation }
  /** It serves without a host until a connection comes. */
  | { readonly type: 'asleep'; readonly runner: PoolRunner }
  /** The first or a new generation could not be started; the old one, if there is one, serves on. */
  | { readonly type: 'gaveUp'; readonly runner: PoolRunner; readonly reason: string }
  /** A worker died by a signal that counts for emergency_restart. */
  | { readonly type: 'crash'; readonly runner: PoolRunner }
  /** No host of the pool is left. */
  | { readonly type: 'gone'; readonly runner: PoolRunner };
