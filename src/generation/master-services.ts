/** What the master does for its pools: the same for each of them. */

import type { SlowRequest } from '../figures/slow-request.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { HostPatience } from '../pool/obedience.ts';
import type { HostDescriptors, HostLife, LifeListener } from './host-life.ts';
import type { PreparedPool } from './prepared-pool.ts';
import type { Sleepers } from './sleepers.ts';

export interface MasterServices {
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
   * @param done with the reason when it cannot be started; called in a later turn of the event loop
   */
  readonly prepareStart: (pool: PreparedPool, done: (failure: string | undefined) => void) => void;
  readonly sleepers: Sleepers;
  /** Descriptor of the pool's access log, which belongs to the master. */
  readonly accessLog: (pool: PreparedPool) => number | undefined;
  /** Asks for a look at the deadlines at a monotonic time in milliseconds. */
  readonly wakeAt: (time: number) => void;
  /** When a host that does not answer or obey is replaced. */
  readonly patience: HostPatience;
  /** A request went into the slow log. */
  readonly onSlowRequest: (request: SlowRequest) => void;
}
