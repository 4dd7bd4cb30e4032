/** Input of a master, its events, and the outcome of its start. */

import type { Configuration } from '../config/directives.ts';
import type { KeptConfiguration } from '../figures/answers.ts';
import type { AdminOrder } from '../figures/orders.ts';
import type { Generation } from '../generation/generation.ts';
import type { HostEvent } from '../generation/host-process.ts';
import type { PoolOutcome } from '../generation/pool-reports.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import type { HostPatience } from '../pool/obedience.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import type { Turns } from '../runtime/turns.ts';
import type { Predecessor, Successor } from './predecessor.ts';
import type { ResourceOptions } from './resources.ts';
import type { MasterSignals, SignalRow } from './signals.ts';

export interface MasterOptions extends ResourceOptions {
  readonly configuration: Configuration;
  /** Reads the configuration again for a reload; logs its errors. */
  readonly reloadConfiguration: (
    turns: Turns,
    rollback?: Rollback,
  ) => ReloadedConfiguration | Promise<ReloadedConfiguration>;
  /** Archive of earlier configurations; without it a rollback is impossible. */
  readonly archive?: ConfigurationKeeper;
  /** Time limits for a host to answer and obey; for tests. */
  readonly patience?: HostPatience;
  /**
   * The process's own part of a reload: its log, its limits.
   *
   * @throws the system's error after logging it
   */
  readonly planProcess?: (configuration: Configuration) => PlannedPart;
  /** This process shows the master itself: the last hour is recorded even without `admin.listen`. */
  readonly isObserved?: boolean;
  /** Folder for hosts that outlive the master, as `survive` says; undefined where they end with it. */
  readonly survivalFolder?: string | undefined;
  /** The master before this one, which has passed its sockets and gives way. */
  readonly predecessor?: Predecessor | undefined;
  /**
   * Starts a program that is to be the next master; undefined where the master is part of another program.
   *
   * @throws Error with the reason in words for the operator
   */
  readonly startSuccessor?: (program: string | undefined) => Promise<Successor>;
  /** Whether the program on disk is not the one that runs: a reload tries it. */
  readonly isProgramReplaced?: () => boolean;
  /** Set if the master handles this process's signals. */
  readonly signals?: MasterSignals;
}

/** Asks for an earlier configuration. */
export interface Rollback {
  /** Its number; undefined means the one before the current one. */
  readonly kept: number | undefined;
}

/** Origin of a configuration and its reason. */
export interface ReloadCause {
  readonly by: string;
  readonly why: string;
  /** Number of the configuration that was applied again. */
  readonly kept?: number | undefined;
}

/** Archive of earlier configurations. */
export interface ConfigurationKeeper {
  readonly inForce: KeptConfiguration | undefined;
  /** Latest first. */
  list(): readonly KeptConfiguration[];
  /** The last read one is in effect. Never throws. */
  keep(cause: ReloadCause): void;
}

export interface ReloadedConfiguration {
  /** Its kept configuration. */
  readonly kept?: number | undefined;
  /** Undefined when invalid. */
  readonly configuration: Configuration | undefined;
  /** Errors in the log's words; further lines have place and remedy. */
  readonly problems: readonly string[];
}

/** An event of one pool. */
export type PoolEvent =
  | {
      readonly type: 'host';
      readonly runner: PoolRunner;
      readonly generation: Generation;
      readonly event: HostEvent;
    }
  /** A deferred action of a pool. */
  | {
      readonly type: 'later';
      readonly runner: PoolRunner;
      /** Undefined if it concerns none of its hosts. */
      readonly generation: Generation | undefined;
      /** For the log, after "while". */
      readonly doing: string;
      readonly act: () => void;
    }
  /** A connection waits at a sleeping pool. */
  | { readonly type: 'wake'; readonly runner: PoolRunner };

export type MasterEvent =
  | { readonly type: 'signal'; readonly row: SignalRow }
  | PoolEvent
  | { readonly type: 'outcome'; readonly runner: PoolRunner; readonly outcome: PoolOutcome }
  | AdminOrder
  /** `shutdown.delay` has passed. */
  | { readonly type: 'leave' }
  | { readonly type: 'queues' }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'deadlines' };

/** Outcome of a successful start. */
export type StartOutcome = 'serving' | 'stopped';
