/** Access to a Unix socket: owner, group, mode, access control list (fpm-behaviour 4.3). */
import { chmodSync, chownSync } from 'node:fs';
import { type Grants, grantReadWrite, hasGrants, removeGrants } from '../posix/acl.ts';
import type { OpenFile } from '../posix/socket-file.ts';
import { isNumericId, lookupGroup, lookupUser } from '../posix/users.ts';
import { attempt, ListenerError } from './listener-error.ts';

/** Log of a listening socket's messages; the error log fits. */
export interface ListenerLog {
  debug(text: string): void;
  notice(text: string): void;
  warning(text: string): void;
}

/** A pool's `listen.*` directives about access. */
export interface SocketAccess {
  /** Permission bits, 0660 by default. */
  readonly mode: number;
  /** Name or all-digit id. */
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
  readonly aclUsers?: readonly string[] | undefined;
  readonly aclGroups?: readonly string[] | undefined;
}

/** The same with resolved names, so that no name can fail once a socket exists. */
export interface ResolvedAccess {
  readonly mode: number;
  /** -1 leaves it unchanged. */
  readonly uid: number;
  readonly gid: number;
  /** Undefined without a list. */
  readonly acl?: Grants;
}

/**
 * Resolves names. An owner by name includes that user's group, an owner by number does not. With a list, owner and
 * group are ignored, and the log says so.
 *
 * @throws ListenerError for an unknown user or group.
 */
export function resolveAccess(pool: string, access: SocketAccess, log: ListenerLog): ResolvedAccess {
  const users = access.aclUsers ?? [];
  const groups = access.aclGroups ?? [];
  if (users.length > 0 || groups.length > 0) {
    warnAboutIgnored(pool, access, log);
    const acl = {
      users: users.map((name) => userOfList(pool, name, log)),
      groups: groups.map((name) => groupOfList(pool, name, log)),
    };
    return { mode: access.mode, uid: -1, gid: -1, acl };
  }
  const owner = access.owner === undefined ? { uid: -1, gid: -1 } : ownerIds(pool, access.owner);
  const gid = access.group === undefined ? owner.gid : groupId(pool, access.group);
  return { mode: access.mode, uid: owner.uid, gid };
}

function warnAboutIgnored(pool: string, access: SocketAccess, log: ListenerLog): void {
  for (const name of ['owner', 'group'] as const) {
    const value = access[name];
    if (value !== undefined) log.warning(`[pool ${pool}] ACL set, listen.${name} = '${value}' is ignored`);
  }
}

function ownerIds(pool: string, name: string): { uid: number; gid: number } {
  if (isNumericId(name)) return { uid: Number(name), gid: -1 };
  const user = lookupUser(name);
  if (user === undefined) throw new ListenerError(`[pool ${pool}] cannot get uid for user '${name}'`);
  return user;
}

function groupId(pool: string, name: string): number {
  if (isNumericId(name)) return Number(name);
  const group = lookupGroup(name);
  if (group === undefined) throw new ListenerError(`[pool ${pool}] cannot get gid for group '${name}'`);
  return group.gid;
}

function userOfList(pool: string, name: string, log: ListenerLog): number {
  const { uid } = ownerIds(pool, name);
  log.debug(`[pool ${pool}] user '${name}' have uid=${uid}`);
  return uid;
}

function groupOfList(pool: string, name: string, log: ListenerLog): number {
  const gid = groupId(pool, name);
  log.debug(`[pool ${pool}] group '${name}' have gid=${gid}`);
  return gid;
}

/**
 * Sets owner, mode and list of the socket file through its descriptor. Correct values are left alone.
 *
 * @param path for messages
 * @throws ListenerError with the failed system call as its cause.
 */
export function applyAccess(
  pool: string,
  path: string,
  { place, stat }: OpenFile,
  { uid, gid, mode, acl }: ResolvedAccess,
  log: ListenerLog,
): void {
  if ((uid !== -1 && uid !== stat.uid) || (gid !== -1 && gid !== stat.gid)) {
    attempt(`[pool ${pool}] failed to chown() the socket '${path}'`, () => chownSync(place, uid, gid));
  }
  const isListed = attempt(`[pool ${pool}] failed to read the ACL of the socket '${path}'`, () =>
    hasGrants(place, mode, acl),
  );
  // The group bits of a file with a list are its mask.
  if (isListed && (acl !== undefined || (stat.mode & 0o7777) === mode)) return;
  attempt(`[pool ${pool}] failed to chmod() the socket '${path}'`, () => {
    // So an earlier list is removed first.
    removeGrants(place);
    chmodSync(place, mode);
  });
  if (acl === undefined) return;
  attempt(`[pool ${pool}] failed to write the ACL of the socket '${path}'`, () =>
    grantReadWrite(place, mode, acl),
  );
  log.debug(`[pool ${pool}] ACL of the socket '${path}' is set`);
}
