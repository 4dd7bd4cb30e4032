/** Whether the user of a pool may enter its chroot, before the embedded engine's host finds out. */

import { statSync } from 'node:fs';
import type { PoolConfig } from '../config/directives.ts';
import { engineCommand } from '../engine/choice/select.ts';
import type { PoolIdentity } from '../engine/host-settings.ts';
import { hasGrants } from '../posix/acl.ts';
import { poolIdentity } from './identity.ts';

/** @returns the line of the log that says why not and what to do; undefined where there is nothing to say */
export function chrootObstacle(pool: PoolConfig): string | undefined {
  const { chroot } = pool;
  if (!chroot || process.geteuid?.() !== 0) return undefined;
  // A native worker goes into its new root before it gives up its rights, and asks for none over it, as PHP-FPM's.
  if (engineCommand(pool).engine !== 'embedded') return undefined;
  const identity = poolIdentity(pool);
  if (identity === undefined || canEnter(chroot, identity)) return undefined;
  const user = `uid ${identity.uid}, gid ${identity.gid}`;
  return (
    `[pool ${pool.name}] the pool's user (${user}) cannot enter the chroot '${chroot}': ` +
    `run chmod o+x '${chroot}', or give it to the user`
  );
}

/**
 * Whether the mode of the folder lets the user in. The folders above it do not count: the host is in it when it becomes the
 * user. Where an access control list has its say, the host is left to find out.
 */
function canEnter(folder: string, { uid, gid, groups }: PoolIdentity): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (uid === 0 || !hasGrants(folder, found.mode, undefined)) return true;
  if (uid === found.uid) return (found.mode & 0o100) !== 0;
  const isOfGroup = gid === found.gid || groups.includes(found.gid);
  return (found.mode & (isOfGroup ? 0o010 : 0o001)) !== 0;
}
