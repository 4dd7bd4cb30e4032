/**
 * Access control lists of files, acl(5), set through the extended attribute in which the kernel keeps them. The layout
 * is kernel interface (linux/posix_acl_xattr.h), so neither libacl nor the `setfacl` program is needed: small container
 * images lack both, and a failed call has an errno.
 */
import { constants } from 'node:os';
import { check, cString, declare, lastErrno, PosixError } from './libc.ts';

const attribute = cString('system.posix_acl_access');
const version = 2;
/** Entry tags, in the order in which the kernel wants the entries. */
const tags = {
  userObject: 0x01,
  user: 0x02,
  groupObject: 0x04,
  group: 0x08,
  mask: 0x10,
  other: 0x20,
} as const;
/** Id of an entry that names no user or group. */
const noId = 0xffffffff;
const entryBytes = 8;
const readWrite = 6;
/** XATTR_SIZE_MAX, xattr(7): no attribute is longer. */
const longestList = 65_536;

const cSetxattr = declare<[Buffer, Buffer, Buffer, number, number], number>(
  'int setxattr(const void *path, const void *name, const void *value, size_t size, int flags)',
);
const cGetxattr = declare<[Buffer, Buffer, Buffer, number], number>(
  'intptr_t getxattr(const void *path, const void *name, void *value, size_t size)',
);
const cLgetxattr = declare<[Buffer, Buffer, Buffer, number], number>(
  'intptr_t lgetxattr(const void *path, const void *name, void *value, size_t size)',
);
const cRemovexattr = declare<[Buffer, Buffer], number>('int removexattr(const void *path, const void *name)');

type Entry = readonly [tag: number, permissions: number, id: number];

/** A list's entries beyond owner and others. Permissions are bits as in a mode: 4 read, 2 write, 1 execute. */
export interface AccessList {
  readonly users: readonly AccessEntry[];
  readonly groups: readonly AccessEntry[];
  /** Of the file's own group; the group bits of the mode show the mask. */
  readonly groupObject: number;
  /** Bounds all entries here. */
  readonly mask: number;
}

export interface AccessEntry {
  readonly id: number;
  readonly permissions: number;
}

/** Ids of users and groups that may read and write a file in addition to its mode. */
export interface Grants {
  readonly users: readonly number[];
  readonly groups: readonly number[];
}

/**
 * Sets the list of a file and replaces an earlier one: setxattr(2).
 *
 * @param mode permission bits of the file
 * @throws PosixError ENOTSUP where the file system has no lists, EPERM when the file is not ours.
 */
export function grantReadWrite(path: string, mode: number, grants: Grants): void {
  const value = encodeEntries(entriesFor(mode, grants));
  check('setxattr', cSetxattr(cString(path), attribute, value, value.length, 0), path);
}

/** Whether {@link grantReadWrite} would change nothing. Without grants: whether the file has no list. */
export function hasGrants(path: string, mode: number, grants: Grants | undefined): boolean {
  const present = readList(path);
  if (grants === undefined || present === undefined) return grants === undefined && present === undefined;
  return present.equals(encodeEntries(entriesFor(mode, grants)));
}

/** getxattr(2). @returns undefined for a file without a list, and on a file system without lists */
function readList(path: string): Buffer | undefined {
  const value = Buffer.alloc(longestList);
  const length = cGetxattr(cString(path), attribute, value, value.length);
  if (length >= 0) return value.subarray(0, length);
  const errno = lastErrno();
  if (errno === constants.errno.ENODATA || errno === constants.errno.EOPNOTSUPP) return undefined;
  throw new PosixError('getxattr', errno, path);
}

/**
 * The list of a file; does not follow a link in the last component: lgetxattr(2).
 *
 * @returns undefined for a file without a list, and where it cannot be read
 */
export function accessListOf(path: string): AccessList | undefined {
  const length = cLgetxattr(cString(path), attribute, shared, shared.length);
  return length < 0 ? undefined : decodeEntries(shared.subarray(0, length));
}

const shared = Buffer.alloc(longestList);

function decodeEntries(value: Buffer): AccessList | undefined {
  if (value.length < 4 || value.readUInt32LE(0) !== version) return undefined;
  const users: AccessEntry[] = [];
  const groups: AccessEntry[] = [];
  let groupObject = 0;
  let mask = 7;
  for (let at = 4; at + entryBytes <= value.length; at += entryBytes) {
    const permissions = value.readUInt16LE(at + 2);
    const entry: AccessEntry = { id: value.readUInt32LE(at + 4), permissions };
    switch (value.readUInt16LE(at)) {
      case tags.user:
        users.push(entry);
        break;
      case tags.group:
        groups.push(entry);
        break;
      case tags.groupObject:
        groupObject = permissions;
        break;
      case tags.mask:
        mask = permissions;
        break;
      default:
      // Owner and others: the mode has them.
    }
  }
  return { users, groups, groupObject, mask };
}

/** Removes the list of a file, so that the mode alone counts: removexattr(2). No-op for a file without one. */
export function removeGrants(path: string): void {
  if (cRemovexattr(cString(path), attribute) >= 0) return;
  const errno = lastErrno();
  if (errno === constants.errno.ENODATA || errno === constants.errno.EOPNOTSUPP) return;
  throw new PosixError('removexattr', errno, path);
}

/** The mask bounds all but owner and others; the kernel shows it as the group bits of the mode. */
function entriesFor(mode: number, { users, groups }: Grants): Entry[] {
  const ascending = (ids: readonly number[]): number[] => [...new Set(ids)].sort((a, b) => a - b);
  const groupObject = (mode >> 3) & 7;
  return [
    [tags.userObject, (mode >> 6) & 7, noId],
    ...ascending(users).map((id): Entry => [tags.user, readWrite, id]),
    [tags.groupObject, groupObject, noId],
    ...ascending(groups).map((id): Entry => [tags.group, readWrite, id]),
    [tags.mask, groupObject | readWrite, noId],
    [tags.other, mode & 7, noId],
  ];
}

function encodeEntries(entries: readonly Entry[]): Buffer {
  const value = Buffer.alloc(4 + entries.length * entryBytes);
  value.writeUInt32LE(version, 0);
  entries.forEach(([tag, permissions, id], index) => {
    const at = 4 + index * entryBytes;
    value.writeUInt16LE(tag, at);
    value.writeUInt16LE(permissions, at + 2);
    value.writeUInt32LE(id, at + 4);
  });
  return value;
}
