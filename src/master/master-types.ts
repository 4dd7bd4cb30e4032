/** What a master is made from, what happens to it, and how its start ends. */

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
import type { ResourceOptions } from './resources.ts';
import type { MasterSignals, SignalRow } from './signals.ts';

export interface MasterOptions extends ResourceOptions {
  readonly configuration: Configuration;
  /** Reads the configuration again for a reload; logs what is wrong with it. */
  readonly reloadConfiguration: (
    turns: Turns,
    rollback?: Rollback,
  ) => ReloadedConfiguration | Promise<ReloadedConfiguration>;
  /** Keeps the configurations that were in force; without it there is no rollback. */
  readonly archive?: ConfigurationKeeper;
  /** When a host that does not answer or obey is replaced; for tests. */
  readonly patience?: HostPatience;
  /**
   * The part of the process itself in a reload: its log, its limits.
   *
   * @throws the error of the system after it was logged
   */
  readonly planProcess?: (configuration: Configuration) => PlannedPart;
  /** This process shows the master by itself: the last hour is kept without `admin.listen` as well. */
  readonly isObserved?: boolean;
  /** Where signals of this process are the master's. */
  readonly signals?: MasterSignals;
}

/** The configuration is to be an earlier one. */
export interface Rollback {
  /** Its number; undefined for the one before that in force. */
  readonly kept: number | undefined;
}

/** Who put a configuration in force, and why. */
export interface ReloadCause {
  readonly by: string;
  readonly why: string;
  /** The number of the configuration that was put in force again. */
  readonly kept?: number | undefined;
}

/** Keeps configurations that were in force. */
export interface ConfigurationKeeper {
  readonly inForce: KeptConfiguration | undefined;
  /** The latest first. */
  list(): readonly KeptConfiguration[];
  /** The one that was read last is in force. Never throws. */
  keep(cause: ReloadCause): void;
}

export interface ReloadedConfiguration {
  /** The kept configuration that it is. */
  readonly kept?: number | undefined;
  /** Undefined when it is not valid. */
  readonly configuration: Configuration | undefined;
  /** What is wrong with it, in the words of the log; further lines say where and what to do. */
  readonly problems: readonly string[];
}

/** Something happens to one pool. */
export type PoolEvent =
  | {
      readonly type: 'host';
      readonly runner: PoolRunner;
      readonly generation: Generation;
      readonly event: HostEvent;
    }
  /** Something of a pool that was put off. */
  | {
      readonly type: 'later';
      readonly runner: PoolRunner;
      /** Undefined where it is not about one of its hosts. */
      readonly generation: Generation | undefined;
      /** For the log, behind "while". */
      readonly doing: string;
      readonly act: () => void;
    }
  /** A connection waits at a pool that sleeps. */
  | { readonly type: 'wake'; readonly runner: PoolRunner };

export type MasterEvent =
  | { readonly type: 'signal'; readonly row: SignalRow }
  | PoolEvent
  | { readonly type: 'outcome'; readonly runner: PoolRunner; readonly outcome: PoolOutcome }
  | AdminOrder
  /** `shutdown.delay` is over. */
  | { readonly type: 'leave' }
  | { readonly type: 'queues' }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'deadlines' };

/** How a start ended that did not fail. */
export type StartOutcome = 'serving' | 'stopped';
