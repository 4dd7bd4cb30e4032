/** Whether the user of a pool may enter its chroot, found out for `-t` as the embedded engine's host would. */

import { statSync } from 'node:fs';
import type { PoolConfig } from '../config/directives.ts';
import type { PoolIdentity } from '../engine/host-settings.ts';
import { engineCommand } from '../engine/select.ts';
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

/** The folders above it do not count: the host is in it when it becomes the user. To be called as root. */
function canEnter(folder: string, { uid, gid, groups }: PoolIdentity): boolean {
  const before = process.cwd();
  const ownGroups = process.getgroups?.() ?? [];
  const ownGroup = process.getegid?.() ?? 0;
  process.chdir(folder);
  try {
    process.setgroups?.([...groups]);
    process.setegid?.(gid);
    process.seteuid?.(uid);
    // A dot in a path is looked up in the folder, which needs the right to search it.
    return statSync('./.', { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  } finally {
    process.seteuid?.(0);
    process.setegid?.(ownGroup);
    process.setgroups?.(ownGroups);
    process.chdir(before);
  }
}
