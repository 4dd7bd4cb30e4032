/**
 * File locks: flock(2), and open-file-description locks of fcntl(2). They never block: the caller decides how to wait.
 */

import { fstatSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { declare, lastErrno, PosixError } from './libc.ts';

/** Kinds of lock: the numbers of `l_type` on Linux. */
export const lockKind = { read: 0, write: 1, unlock: 2 } as const;
export type LockKind = (typeof lockKind)[keyof typeof lockKind];

/** A byte range; length 0 reaches to the end of the file, even when it grows. */
export interface LockRange {
  readonly kind: LockKind;
  readonly start: number;
  readonly length: number;
}

/** `LOCK_SH`, `LOCK_EX`, `LOCK_UN` of flock(2). */
export const flockOperation = { shared: 1, exclusive: 2, unlock: 8 } as const;
const lockNonBlocking = 4;

/** `F_OFD_GETLK`, `F_OFD_SETLK` */
const ofdGet = 36;
const ofdSet = 37;
const structFlockBytes = 32;

const cFlock = declare<[number, number], number>('int flock(int fd, int operation)');
const cFcntl = declare<[number, number, Buffer], number>('int fcntl(int fd, int cmd, _Inout_ void *lock)');

function wouldBlock(errno: number): boolean {
  const { EAGAIN, EACCES, EINTR } = constants.errno;
  return errno === EAGAIN || errno === EACCES || errno === EINTR;
}

/**
 * Locks or unlocks a whole file, flock(2) with LOCK_NB.
 *
 * @returns false when another open file holds a conflicting lock
 * @throws PosixError for a bad descriptor or a file system without locks
 */
export function tryFlock(fd: number, operation: number): boolean {
  if (cFlock(fd, operation | lockNonBlocking) === 0) return true;
  const errno = lastErrno();
  if (wouldBlock(errno)) return false;
  throw new PosixError('flock', errno);
}

/**
 * Pid of a process that holds a flock(2) of the file: proc_locks(5). Undefined when there is none, or the process is in
 * another pid namespace.
 */
export function flockHolder(fd: number): number | undefined {
  const { ino } = fstatSync(fd);
  const locks = readFileSync('/proc/locks', 'latin1');
  const found = new RegExp(`FLOCK +ADVISORY +\\w+ +(\\d+) +[\\da-f]+:[\\da-f]+:${ino} `).exec(locks)?.[1];
  return found === undefined || found === '0' ? undefined : Number(found);
}

function encode(range: LockRange): Buffer {
  const lock = Buffer.alloc(structFlockBytes);
  lock.writeInt16LE(range.kind, 0);
  lock.writeBigInt64LE(BigInt(range.start), 8);
  lock.writeBigInt64LE(BigInt(range.length), 16);
  return lock;
}

/**
 * Locks or unlocks a byte range for the open file description, fcntl(2) F_OFD_SETLK. It conflicts with POSIX locks of
 * other processes and with locks of other descriptions, including those of this process.
 *
 * @returns false when another open file holds a conflicting lock
 * @throws PosixError for a bad descriptor, or a write lock on a read-only descriptor
 */
export function tryLockRange(fd: number, range: LockRange): boolean {
  if (cFcntl(fd, ofdSet, encode(range)) === 0) return true;
  const errno = lastErrno();
  if (wouldBlock(errno)) return false;
  throw new PosixError('fcntl', errno);
}

/** The kind of lock that blocks {@link tryLockRange}; `unlock` when it would succeed. fcntl(2) F_OFD_GETLK. */
export function conflictingLock(fd: number, range: LockRange): LockKind {
  const lock = encode(range);
  if (cFcntl(fd, ofdGet, lock) !== 0) throw new PosixError('fcntl', lastErrno());
  const kind = lock.readInt16LE(0);
  return kind === lockKind.read ? lockKind.read : kind === lockKind.write ? lockKind.write : lockKind.unlock;
}
