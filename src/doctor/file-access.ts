/** What permissions say about a user; pure. ACLs and capabilities are not looked at. */

import type { UserEntry } from '../config/system.ts';
import type { FileAccess } from './facts.ts';

type User = Pick<UserEntry, 'uid' | 'gid' | 'groups'>;

/** The three bits that hold for a user: of the first class that he is in, path_resolution(7). */
function bitsFor({ uid, gid, groups }: User, access: FileAccess): number {
  if (uid === access.uid) return (access.mode >> 6) & 7;
  return gid === access.gid || groups.includes(access.gid) ? (access.mode >> 3) & 7 : access.mode & 7;
}

/** Write a file, or change what is in a folder; its owner may allow himself to. Of root that says nothing. */
export function mayChange(user: User, access: FileAccess): boolean {
  if (user.uid === 0) return false;
  return user.uid === access.uid || (bitsFor(user, access) & 2) !== 0;
}

/** Connect to a socket: unix(7) asks for the right to write. */
export function mayConnect(user: User, access: FileAccess): boolean {
  return user.uid === 0 || (bitsFor(user, access) & 2) !== 0;
}

/** Make files in a folder. */
export function mayMakeFiles(user: User, access: FileAccess): boolean {
  return user.uid === 0 || (bitsFor(user, access) & 3) === 3;
}
