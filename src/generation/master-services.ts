/** The master's services for its pools, the same for all. */

import type { SlowRequest } from '../figures/slow-request.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { HostPatience } from '../pool/obedience.ts';
import type { SharedRoom } from './auto-sizer.ts';
import type { HostDescriptors, HostLife, LifeListener } from './host-life.ts';
import type { PreparedPool } from './prepared-pool.ts';
import type { Sleepers } from './sleepers.ts';
import type { Survival } from './survival.ts';

export interface MasterServices {
  readonly log: ErrorLog;
  readonly env: NodeJS.ProcessEnv;
  /** Monotonic clock, milliseconds. */
  readonly now: () => number;
  /** Incremented by every start of a host. */
  readonly nextGenerationNumber: () => number;
  /** Workers of all pools together. */
  readonly runningWorkers: () => number;
  /** Whether dead workers are replaced: false once the master is stopping. */
  readonly isNormal: () => boolean;
  /** Whether new generations are being started: then a replacement in an old generation is no news. */
  readonly isReloading: () => boolean;
  /** `process.max` and `process_control_timeout` (seconds) of the current configuration. */
  readonly processMax: () => number;
  readonly processControlTimeout: () => number;
  /** Makes the process of a host: by exec, or by fork from a template. */
  readonly startHost: (pool: PreparedPool, descriptors: HostDescriptors, listener: LifeListener) => HostLife;
  /**
   * Prepares the start of the pool's next host.
   *
   * @param done called in a later turn of the event loop, with the reason if it cannot start
   */
  readonly prepareStart: (pool: PreparedPool, done: (failure: string | undefined) => void) => void;
  readonly sleepers: Sleepers;
  /** Processor and memory, for pools with `pm = auto`. */
  readonly room: SharedRoom;
  /** Undefined where hosts end with the master. */
  readonly survival: Survival | undefined;
  /** Descriptor of the pool's access log, which belongs to the master. */
  readonly accessLog: (pool: PreparedPool) => number | undefined;
  /** Requests a check of deadlines at a monotonic time in milliseconds. */
  readonly wakeAt: (time: number) => void;
  /** Time limits for a host to answer and obey. */
  readonly patience: HostPatience;
  /** A request was written to the slow log. */
  readonly onSlowRequest: (request: SlowRequest) => void;
}
