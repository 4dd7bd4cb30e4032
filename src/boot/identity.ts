/** Identity of a pool's workers, by PHP-FPM's rules. */

import type { PoolConfig } from '../config/directives.ts';
import type { PoolIdentity } from '../engine/host-settings.ts';
import { isNumericId, lookupUser, resolveGroup, resolveIdentity } from '../posix/users.ts';
import { lookedUp } from '../runtime/one-look.ts';

/**
 * As root the pool's `user` and `group`; otherwise the master's own.
 *
 * USER and HOME come from the user database for a user given by name (as root) or for the master's own user.
 */
export function poolIdentity(pool: PoolConfig): PoolIdentity | undefined {
  if (process.geteuid?.() !== 0) return ownIdentity();
  // An empty value counts as unset.
  const { user, group = '' } = pool;
  if (!user) return group === '' ? undefined : groupOnly(group);
  return lookedUp(JSON.stringify(['identity', user, group]), () => identityOf(user, group));
}

function identityOf(user: string, group: string): PoolIdentity {
  const identity = resolveIdentity(user, group === '' ? undefined : group);
  const named = !isNumericId(user);
  return {
    uid: identity.uid,
    gid: identity.gid,
    groups: identity.groups,
    user: named ? identity.entry?.name : undefined,
    home: named ? identity.entry?.home : undefined,
    dropsRights: true,
  };
}

function ownIdentity(): PoolIdentity | undefined {
  const uid = process.geteuid?.();
  const user = uid === undefined ? undefined : lookupUser(uid);
  if (user === undefined) return undefined;
  return { uid: user.uid, gid: user.gid, groups: [], user: user.name, home: user.home, dropsRights: false };
}

/** `-R` without a user: root stays root, with another group. */
function groupOnly(group: string): PoolIdentity {
  const gid = resolveGroup(group);
  return { uid: 0, gid, groups: [gid], user: undefined, home: undefined, dropsRights: true };
}
