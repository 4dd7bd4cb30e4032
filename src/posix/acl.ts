/**
 * Access control lists of files, acl(5), set through the extended attribute that the kernel keeps them in.
 * The attribute's layout is kernel interface (linux/posix_acl_xattr.h), so neither libacl nor the `setfacl`
 * program has to be installed, which small container images lack; and a failure has an errno.
 */
import { statSync } from 'node:fs';
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
/** Id of an entry that is about no certain user or group. */
const noId = 0xffffffff;
const entryBytes = 8;
const readWrite = 6;

const cSetxattr = declare<[Buffer, Buffer, Buffer, number, number], number>(
  'int setxattr(const void *path, const void *name, const void *value, size_t size, int flags)',
);
const cRemovexattr = declare<[Buffer, Buffer], number>('int removexattr(const void *path, const void *name)');

type Entry = readonly [tag: number, permissions: number, id: number];

/**
 * Lets users and groups (by id) read and write a file beside what its mode allows: setxattr(2). An earlier list
 * is replaced.
 *
 * @throws PosixError ENOTSUP where the file system has no lists, EPERM when the file is not ours.
 */
export function grantReadWrite(path: string, users: readonly number[], groups: readonly number[]): void {
  const value = encodeEntries(entriesFor(statSync(path).mode, users, groups));
  check('setxattr', cSetxattr(cString(path), attribute, value, value.length, 0), path);
}

/** Takes a list away again, so that the mode alone counts: removexattr(2). A file without one is left alone. */
export function removeGrants(path: string): void {
  if (cRemovexattr(cString(path), attribute) >= 0) return;
  const errno = lastErrno();
  if (errno === constants.errno.ENODATA || errno === constants.errno.EOPNOTSUPP) return;
  throw new PosixError('removexattr', errno, path);
}

/** The mask bounds all but owner and others; the kernel shows it as the group bits of the mode. */
function entriesFor(mode: number, users: readonly number[], groups: readonly number[]): Entry[] {
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
