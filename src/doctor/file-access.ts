/** Evaluates permissions of a user; pure. ACLs and capabilities are ignored. */

import type { UserEntry } from '../config/system.ts';
import type { FileAccess } from './facts.ts';

type User = Pick<UserEntry, 'uid' | 'gid' | 'groups'>;

/** The three bits that apply to a user: those of the first matching class, path_resolution(7). */
function bitsFor({ uid, gid, groups }: User, access: FileAccess): number {
  if (uid === access.uid) return (access.mode >> 6) & 7;
  return gid === access.gid || groups.includes(access.gid) ? (access.mode >> 3) & 7 : access.mode & 7;
}

/** May write a file or change a folder's entries; an owner may grant it to itself. Meaningless for root. */
export function mayChange(user: User, access: FileAccess): boolean {
  if (user.uid === 0) return false;
  return user.uid === access.uid || (bitsFor(user, access) & 2) !== 0;
}

/** May connect to a socket: unix(7) requires write permission. */
export function mayConnect(user: User, access: FileAccess): boolean {
  return user.uid === 0 || (bitsFor(user, access) & 2) !== 0;
}

/** May create files in a folder. */
export function mayMakeFiles(user: User, access: FileAccess): boolean {
  return user.uid === 0 || (bitsFor(user, access) & 3) === 3;
}
