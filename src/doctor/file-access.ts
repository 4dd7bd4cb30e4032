/** Evaluates permissions of a user, access control lists included; pure. Capabilities are ignored. */

import type { UserEntry } from '../config/system.ts';
import type { AccessList, FileAccess } from './facts.ts';

type User = Pick<UserEntry, 'uid' | 'gid' | 'groups'>;

/** Whether the bits are granted, all by the first matching class: path_resolution(7), acl(5). */
function grants(user: User, access: FileAccess, bits: number): boolean {
  const { uid, gid, mode, list } = access;
  const has = (permissions: number): boolean => (permissions & bits) === bits;
  const isInGroup = (id: number): boolean => user.gid === id || user.groups.includes(id);
  if (user.uid === uid) return has(mode >> 6);
  if (list !== undefined) return grantedByList(user.uid, isInGroup, { ...access, list }, has);
  return has(isInGroup(gid) ? mode >> 3 : mode);
}

function grantedByList(
  uid: number,
  isInGroup: (id: number) => boolean,
  { gid, mode, list }: FileAccess & { readonly list: AccessList },
  has: (permissions: number) => boolean,
): boolean {
  const named = list.users.find(({ id }) => id === uid);
  if (named !== undefined) return has(named.permissions & list.mask);
  const groups = [{ id: gid, permissions: list.groupObject }, ...list.groups].filter(({ id }) =>
    isInGroup(id),
  );
  if (groups.length > 0) return groups.some(({ permissions }) => has(permissions & list.mask));
  return has(mode);
}

/** May write a file or change a folder's entries; an owner may grant it to itself. Meaningless for root. */
export function mayChange(user: User, access: FileAccess): boolean {
  if (user.uid === 0) return false;
  return user.uid === access.uid || grants(user, access, 2);
}

/** May connect to a socket: unix(7) requires write permission. */
export function mayConnect(user: User, access: FileAccess): boolean {
  return user.uid === 0 || grants(user, access, 2);
}

/** May create files in a folder. */
export function mayMakeFiles(user: User, access: FileAccess): boolean {
  return user.uid === 0 || grants(user, access, 3);
}
