/** A pool ready to take effect: its configuration with everything resolved for it. */

import type { PoolConfig } from '../config/directives.ts';
import type { EngineCommand } from '../engine/engine-command.ts';
import type { PoolIdentity } from '../engine/host-settings.ts';
import type { Listener } from '../sockets/listener.ts';

/** A pool with everything that the master resolved for it. */
export interface PreparedPool {
  readonly config: PoolConfig;
  readonly identity: PoolIdentity | undefined;
  readonly command: EngineCommand;
  /** Settings for its hosts; see {@link hostSettings}. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Of everything that determines its hosts: see {@link poolFingerprint}. */
  readonly fingerprint: string;
  /** Digest of what its settings and fingerprint share with those of other pools: php.ini files, engine, log settings. */
  readonly context: string;
  /** The pool's listening socket; it belongs to the master and outlives every generation. */
  readonly listener: Listener;
}

/** Which pools get a new generation by a reload: all, or only those whose hosts would differ. */
export type ReloadScope = 'all' | 'changed';

/** Users besides root and the master's that may own a pool's logs in a folder that others may write. */
export function logOwners({ identity }: Pick<PreparedPool, 'identity'>): readonly number[] {
  return identity === undefined ? [] : [identity.uid];
}
