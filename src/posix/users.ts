/** Users and groups through the name service (NSS), which includes LDAP and extra files of containers. */
import { constants } from 'node:os';
import { lookedUp } from '../runtime/one-look.ts';
import { cString, declare, ffi, PosixError } from './libc.ts';

/** One entry of the user database, passwd(5). */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** One entry of the group database, group(5). */
export interface Group {
  readonly name: string;
  readonly gid: number;
}

/** The identity of a pool's workers. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups including `gid`, for setgroups(2). */
  readonly groups: readonly number[];
  /** The user's entry; absent for a numeric id without one. */
  readonly entry?: User;
}

/** An unknown user or group, or an id without a group. */
export class UnknownNameError extends Error {
  readonly kind: 'user' | 'group';
  readonly value: string;

  constructor(kind: 'user' | 'group', value: string, text: string) {
    super(text);
    this.name = 'UnknownNameError';
    this.kind = kind;
    this.value = value;
  }
}

function unknownUser(name: string): UnknownNameError {
  return new UnknownNameError(
    'user',
    name,
    `cannot get uid for user '${name}': create it, or name a user that exists`,
  );
}

function unknownGroup(name: string): UnknownNameError {
  return new UnknownNameError(
    'group',
    name,
    `cannot get gid for group '${name}': create it, or name a group that exists`,
  );
}

/** Without this error such a worker would keep the master's group, which is root's. */
function groupOfIdUnknown(id: string): UnknownNameError {
  return new UnknownNameError(
    'user',
    id,
    `cannot get gid for user '${id}': the id has no entry in the user database, so name a group as well`,
  );
}

type ByName = [Buffer, Buffer, Buffer, number, Buffer];
type ById = [number, Buffer, Buffer, number, Buffer];

const cGetpwnam = declare<ByName, number>(
  'int getpwnam_r(const void *name, void *entry, void *buffer, size_t length, void *result)',
);
const cGetpwuid = declare<ById, number>(
  'int getpwuid_r(uint uid, void *entry, void *buffer, size_t length, void *result)',
);
const cGetgrnam = declare<ByName, number>(
  'int getgrnam_r(const void *name, void *entry, void *buffer, size_t length, void *result)',
);
const cGetgrgid = declare<ById, number>(
  'int getgrgid_r(uint gid, void *entry, void *buffer, size_t length, void *result)',
);
const cGetgrouplist = declare<[Buffer, number, Buffer, Buffer], number>(
  'int getgrouplist(const void *user, uint group, void *groups, void *ngroups)',
);

/** struct passwd and struct group, glibc and musl, 64-bit. */
const passwd = { size: 48, name: 0, uid: 16, gid: 20, home: 32, shell: 40 } as const;
const group = { size: 32, name: 0, gid: 16 } as const;
/** A group with thousands of members needs room; a larger entry means a broken database. */
const maxEntryBytes = 4 * 1024 * 1024;

/** Whether a text is an id by PHP-FPM's rule: digits only. */
export function isNumericId(text: string): boolean {
  return /^[0-9]+$/.test(text);
}

/**
 * Entry of a user given by name or by all-digit id: getpwnam_r(3), getpwuid_r(3). Undefined when it is unknown.
 *
 * @throws PosixError when the name service itself fails.
 */
export function lookupUser(nameOrId: string | number): User | undefined {
  return lookedUp(JSON.stringify(['user', nameOrId]), () => lookForUser(nameOrId));
}

function lookForUser(nameOrId: string | number): User | undefined {
  const id = numericId(nameOrId);
  const name = cString(String(nameOrId));
  return lookup(
    id === undefined ? 'getpwnam_r' : 'getpwuid_r',
    passwd.size,
    (entry, buffer, result) =>
      id === undefined
        ? cGetpwnam(name, entry, buffer, buffer.length, result)
        : cGetpwuid(id, entry, buffer, buffer.length, result),
    (entry, text) => ({
      name: text(passwd.name),
      uid: entry.readUInt32LE(passwd.uid),
      gid: entry.readUInt32LE(passwd.gid),
      home: text(passwd.home),
      shell: text(passwd.shell),
    }),
  );
}

/**
 * Entry of a group given by name or by all-digit id: getgrnam_r(3), getgrgid_r(3). Undefined when it is unknown.
 *
 * @throws PosixError when the name service itself fails.
 */
export function lookupGroup(nameOrId: string | number): Group | undefined {
  return lookedUp(JSON.stringify(['group', nameOrId]), () => lookForGroup(nameOrId));
}

function lookForGroup(nameOrId: string | number): Group | undefined {
  const id = numericId(nameOrId);
  const name = cString(String(nameOrId));
  return lookup(
    id === undefined ? 'getgrnam_r' : 'getgrgid_r',
    group.size,
    (entry, buffer, result) =>
      id === undefined
        ? cGetgrnam(name, entry, buffer, buffer.length, result)
        : cGetgrgid(id, entry, buffer, buffer.length, result),
    (entry, text) => ({ name: text(group.name), gid: entry.readUInt32LE(group.gid) }),
  );
}

function numericId(nameOrId: string | number): number | undefined {
  if (typeof nameOrId === 'number') return nameOrId;
  return isNumericId(nameOrId) ? Number(nameOrId) : undefined;
}

/** These calls return the error number; the entry's strings are in `buffer`. */
function lookup<T>(
  syscall: string,
  entrySize: number,
  call: (entry: Buffer, buffer: Buffer, result: Buffer) => number,
  read: (entry: Buffer, text: (offset: number) => string) => T,
): T | undefined {
  for (let length = 4096; ; length *= 4) {
    const entry = Buffer.alloc(entrySize);
    const buffer = Buffer.alloc(length);
    const result = Buffer.alloc(8);
    const errno = call(entry, buffer, result);
    if (errno === constants.errno.ERANGE && length < maxEntryBytes) continue;
    if (errno !== 0 && !meansNotFound(errno)) throw new PosixError(syscall, errno);
    if (result.readBigUInt64LE(0) === 0n) return undefined;
    const start = ffi().address(buffer);
    return read(entry, (offset) => {
      const from = Number(entry.readBigUInt64LE(offset) - start);
      return buffer.toString('utf8', from, buffer.indexOf(0, from));
    });
  }
}

/** getpwnam_r(3) lists the error numbers that name services return instead of a plain "no entry". */
function meansNotFound(errno: number): boolean {
  const { ENOENT, ESRCH, EBADF, EPERM } = constants.errno;
  return errno === ENOENT || errno === ESRCH || errno === EBADF || errno === EPERM;
}

/** The kernel's limit of supplementary groups, NGROUPS_MAX. */
const maxGroups = 65_536;

/** All groups of a user, including `gid`: getgrouplist(3). */
export function groupsOfUser(name: string, gid: number): readonly number[] {
  return lookedUp(JSON.stringify(['groups', name, gid]), () => lookForGroups(name, gid));
}

function lookForGroups(name: string, gid: number): readonly number[] {
  const user = cString(name);
  const count = Buffer.alloc(4);
  for (let room = 64; room <= maxGroups; room = Math.max(room * 2, count.readInt32LE(0))) {
    count.writeInt32LE(room, 0);
    const groups = Buffer.alloc(room * 4);
    if (cGetgrouplist(user, gid, groups, count) < 0) continue;
    return Array.from({ length: count.readInt32LE(0) }, (_, index) => groups.readUInt32LE(index * 4));
  }
  throw new PosixError('getgrouplist', constants.errno.E2BIG, name);
}

/**
 * Resolves a pool's `user` and `group` by PHP-FPM's rules: all-digit names are ids; the group is the user's own unless
 * given; an id without an entry gets exactly its group.
 *
 * @throws UnknownNameError for an unknown name, and for an id without an entry when no group is given.
 */
export function resolveIdentity(userName: string, groupName?: string): Identity {
  const entry = lookupUser(userName);
  if (entry === undefined && !isNumericId(userName)) throw unknownUser(userName);
  const uid = entry?.uid ?? Number(userName);
  const gid = groupName === undefined ? entry?.gid : resolveGroup(groupName);
  if (gid === undefined) throw groupOfIdUnknown(userName);
  if (entry === undefined) return { uid, gid, groups: [gid] };
  return { uid, gid, groups: groupsOfUser(entry.name, gid), entry };
}

/** Group id for a name or an all-digit id. @throws UnknownNameError */
export function resolveGroup(groupName: string): number {
  if (isNumericId(groupName)) return Number(groupName);
  const entry = lookupGroup(groupName);
  if (entry === undefined) throw unknownGroup(groupName);
  return entry.gid;
}
