/** What a master is made from, what happens to it, and how its start ends. */

import type { AdminVerb } from '../admin/snapshot.ts';
import type { Configuration } from '../config/directives.ts';
import type { PhpIniSource } from '../engine/host-settings.ts';
import type { Generation } from './generation.ts';
import type { HostEvent } from './host-process.ts';
import type { PoolOutcome } from './pool-context.ts';
import type { PoolRunner } from './pool-runner.ts';
import type { ResourceOptions } from './resources.ts';
import type { MasterSignals, SignalRow } from './signals.ts';

export interface MasterOptions extends ResourceOptions {
  readonly configuration: Configuration;
  readonly php: PhpIniSource;
  /** Reads the configuration again for a reload; logs what is wrong with it and returns undefined then. */
  readonly reloadConfiguration: () => Configuration | undefined;
  /** Called when a reload puts a configuration in force: the settings of the process itself, the log first. */
  readonly onInForce?: (configuration: Configuration) => void;
  /** Where signals of this process are the master's. */
  readonly signals?: MasterSignals;
}

export type MasterEvent =
  | { readonly type: 'signal'; readonly row: SignalRow }
  | {
      readonly type: 'host';
      readonly runner: PoolRunner;
      readonly generation: Generation;
      readonly event: HostEvent;
    }
  | { readonly type: 'outcome'; readonly outcome: PoolOutcome }
  | { readonly type: 'admin'; readonly verb: AdminVerb; readonly peer: string }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'deadlines' };

/** How a start ended that did not fail. */
export type StartOutcome = 'serving' | 'stopped';
