/** Checks whether the pool's user may enter its chroot, before the embedded engine's host finds out. */

import { statSync } from 'node:fs';
import type { PoolConfig } from '../config/directives.ts';
import { engineCommand } from '../engine/choice/select.ts';
import type { PoolIdentity } from '../engine/host-settings.ts';
import { hasGrants } from '../posix/acl.ts';
import { poolIdentity } from './identity.ts';

/** @returns a log line with reason and remedy; undefined without an obstacle */
export function chrootObstacle(pool: PoolConfig): string | undefined {
  const { chroot } = pool;
  if (!chroot || process.geteuid?.() !== 0) return undefined;
  // A native worker enters its new root before it gives up its rights and needs no right over it, as in PHP-FPM.
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
 * Whether the folder's mode lets the user in. Parent folders do not matter: the host is inside when it becomes the
 * user. With an access control list the host is left to find out.
 */
function canEnter(folder: string, { uid, gid, groups }: PoolIdentity): boolean {
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) return false;
  if (uid === 0 || !hasGrants(folder, found.mode, undefined)) return true;
  if (uid === found.uid) return (found.mode & 0o100) !== 0;
  const isOfGroup = gid === found.gid || groups.includes(found.gid);
  return (found.mode & (isOfGroup ? 0o010 : 0o001)) !== 0;
}
