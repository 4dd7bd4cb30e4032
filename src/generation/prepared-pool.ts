/** A pool as it is put in force: its configuration and all that was looked up for it. */

import type { PoolConfig } from '../config/directives.ts';
import type { EngineCommand } from '../engine/engine-command.ts';
import type { PoolIdentity } from '../engine/host-settings.ts';
import type { Listener } from '../sockets/listener.ts';

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
