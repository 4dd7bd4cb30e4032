/** User and group of a pool's workers. */

import type { PoolConfig } from './directives.ts';
import type { ConfigSystem } from './system.ts';

export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** All groups of the user, for setgroups(2). */
  readonly groups: readonly number[];
  /** Undefined for an id without a user. */
  readonly name: string | undefined;
  readonly home: string | undefined;
}

/** Reason for a missing identity, in PHP-FPM's words without the pool's name. */
export interface UnknownIdentity {
  readonly reason: string;
  readonly remedy: string;
}

/**
 * Resolves `user` and `group`. A numeric user needs no entry in the user database; its group is then 0 unless `group`
 * is set. Without `user` the result is root.
 */
export function resolveIdentity(pool: PoolConfig, system: ConfigSystem): Identity | UnknownIdentity {
  const { user, group } = pool;
  const entry = user ? system.lookupUser(user) : undefined;
  if (user && !entry && !isNumber(user)) return unknownUser(user);
  const gid = group ? groupId(group, system) : (entry?.gid ?? 0);
  if (gid === undefined) return unknownGroup(group ?? '');
  return {
    uid: entry?.uid ?? Number(user ?? 0),
    gid,
    groups: entry?.groups ?? [gid],
    name: entry?.name,
    home: entry?.home,
  };
}

/** Group id for a name or a number. */
export function groupId(group: string, system: ConfigSystem): number | undefined {
  return isNumber(group) ? Number(group) : system.lookupGroup(group)?.gid;
}

/** All digits: an id, not a name. */
export function isNumber(name: string): boolean {
  return /^[0-9]+$/.test(name);
}

export function unknownUser(user: string): UnknownIdentity {
  return {
    reason: `cannot get uid for user '${user}'`,
    remedy: `Create the user with 'useradd --system ${user}', or name an existing one.`,
  };
}

export function unknownGroup(group: string): UnknownIdentity {
  return {
    reason: `cannot get gid for group '${group}'`,
    remedy: `Create the group with 'groupadd --system ${group}', or name an existing one.`,
  };
}
