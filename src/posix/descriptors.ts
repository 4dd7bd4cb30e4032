/** Descriptors: passing them between processes, socket pairs, duplicates, close-on-exec, memory files. */
import { closeSync, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { check, cString, declare, lastErrno, PosixError, retryInterrupted } from './libc.ts';
import { descriptorsOf, flagsOf, messageOf, messageRoom } from './message.ts';

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_CTRUNC = 0x8;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const POLLIN = 0x1;
const POLLOUT = 0x4;
const F_DUPFD_CLOEXEC = 1030;
const F_GETFD = 1;
const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const FD_CLOEXEC = 1;
const O_NONBLOCK = 0o4000;
const MFD_CLOEXEC = 1;
const SEEK_SET = 0;

const cSendmsg = declare<[number, Buffer, number], number>(
  'intptr_t sendmsg(int sockfd, const void *msg, int flags)',
);
const cRecvmsg = declare<[number, Buffer, number], number>(
  'intptr_t recvmsg(int sockfd, void *msg, int flags)',
);
const cPoll = declare<[Buffer, number, number], number>('int poll(void *fds, ulong nfds, int timeout)');
const cSocketpair = declare<[number, number, number, Buffer], number>(
  'int socketpair(int domain, int type, int protocol, void *sv)',
);
const cFcntl = declare<[number, number, 'int', number], number>('int fcntl(int fd, int cmd, ...)');
const cDup2 = declare<[number, number], number>('int dup2(int oldfd, int newfd)');
const cLseek = declare<[number, number, number], number>(
  'intptr_t lseek(int fd, intptr_t offset, int whence)',
);
const cMemfdCreate = declare<[Buffer, number], number>('int memfd_create(const void *name, uint flags)');

/** A function that has the stack close a descriptor, and returns that descriptor. */
export function closedBy(opened: DisposableStack): (fd: number) => number {
  return (fd) => {
    opened.defer(() => closeSync(fd));
    return fd;
  };
}

/** Time limit for passing one descriptor. Both ends are ours: a peer that needs a second is stuck. */
const defaultBoundMs = 1000;

/** The one byte of data, docs/contract.md section 1. */
const dot = Buffer.from('.');

/** True when one of the events, an error or a hang-up arrives within the time. */
function poll(fd: number, events: number, timeoutMs: number): boolean {
  const entry = Buffer.alloc(8);
  entry.writeInt32LE(fd, 0);
  entry.writeInt16LE(events, 4);
  return retryInterrupted('poll', () => cPoll(entry, 1, timeoutMs)) > 0;
}

/** @throws PosixError ETIMEDOUT when the bound passes. */
function waitFor(syscall: string, fd: number, events: number, timeoutMs: number): void {
  if (!poll(fd, events, timeoutMs)) throw new PosixError(syscall, constants.errno.ETIMEDOUT);
}

/** Whether a read would not block; waits up to `timeoutMs` milliseconds: poll(2). */
export function isReadable(fd: number, timeoutMs: number): boolean {
  return poll(fd, POLLIN, timeoutMs);
}

/** Whether a write would not block; waits up to `timeoutMs` milliseconds: poll(2). */
export function isWritable(fd: number, timeoutMs: number): boolean {
  return poll(fd, POLLOUT, timeoutMs);
}

/** Whether the peer has closed a socket completely, or the socket has failed: poll(2), POLLHUP and POLLERR. */
export function isHungUp(fd: number): boolean {
  return poll(fd, 0, 0);
}

/**
 * Passes a copy of a descriptor over a connected Unix stream socket: unix(7), SCM_RIGHTS, sendmsg(2).
 * Blocks at most `timeoutMs` milliseconds while the socket's buffer is full.
 *
 * @throws PosixError; ETIMEDOUT when the bound passes, EPIPE when the peer is gone.
 */
export function sendDescriptor(socketFd: number, fd: number, timeoutMs: number = defaultBoundMs): void {
  sendDescriptors(socketFd, [fd], timeoutMs);
}

/**
 * Passes copies of several descriptors in one message and keeps their order; otherwise as {@link sendDescriptor}.
 *
 * @throws PosixError; ETIMEDOUT when the bound passes, EPIPE when the peer is gone.
 */
export function sendDescriptors(
  socketFd: number,
  fds: readonly number[],
  timeoutMs: number = defaultBoundMs,
): void {
  const message = messageOf(dot, { fds });
  for (;;) {
    if (cSendmsg(socketFd, message.header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return;
    const errno = lastErrno();
    if (errno === constants.errno.EAGAIN) waitFor('sendmsg', socketFd, POLLOUT, timeoutMs);
    else if (errno !== constants.errno.EINTR) throw new PosixError('sendmsg', errno);
  }
}

/**
 * Receives one descriptor (recvmsg(2)), close-on-exec. Blocks the thread at most `timeoutMs` milliseconds.
 *
 * @throws PosixError; ETIMEDOUT when the bound passes, ECONNRESET at end of file, EPROTO for a message without a
 *   descriptor, EMFILE when this process has reached its limit.
 */
export function receiveDescriptor(socketFd: number, timeoutMs: number = defaultBoundMs): number {
  const [fd] = receiveDescriptors(socketFd, 1, timeoutMs);
  if (fd === undefined) throw new PosixError('recvmsg', constants.errno.EPROTO);
  return fd;
}

/**
 * Receives a message with exactly so many descriptors; otherwise as {@link receiveDescriptor}.
 *
 * @throws PosixError; EPROTO for fewer
 */
export function receiveDescriptors(
  socketFd: number,
  count: number,
  timeoutMs: number = defaultBoundMs,
): number[] {
  const message = messageRoom(1, count);
  for (;;) {
    const length = cRecvmsg(socketFd, message.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (length === 0) throw new PosixError('recvmsg', constants.errno.ECONNRESET);
    if (length > 0) break;
    const errno = lastErrno();
    if (errno === constants.errno.EAGAIN) waitFor('recvmsg', socketFd, POLLIN, timeoutMs);
    else if (errno !== constants.errno.EINTR) throw new PosixError('recvmsg', errno);
  }
  const fds = descriptorsOf(message);
  // When the kernel cannot install a descriptor it drops it; this flag is the only sign.
  const isCut = (flagsOf(message) & MSG_CTRUNC) !== 0;
  if (fds.length === count && !isCut) return fds;
  // More than were expected have come: the padding has room for one more.
  for (const fd of fds) closeSync(fd);
  throw new PosixError('recvmsg', isCut ? constants.errno.EMFILE : constants.errno.EPROTO);
}

/** Two connected Unix stream sockets, blocking and close-on-exec: socketpair(2). */
export function socketPair(): [number, number] {
  const pair = Buffer.alloc(8);
  check('socketpair', cSocketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
  return [pair.readInt32LE(0), pair.readInt32LE(4)];
}

/** A second descriptor for the same open file, close-on-exec, at `lowest` or above: fcntl(2) F_DUPFD_CLOEXEC. */
export function duplicate(fd: number, lowest = 3): number {
  return check('fcntl', cFcntl(fd, F_DUPFD_CLOEXEC, 'int', lowest));
}

/**
 * Makes `target` refer to the open file of `fd` and closes the previous file of `target`; without close-on-exec:
 * dup2(2).
 */
export function duplicateOnto(fd: number, target: number): void {
  retryInterrupted('dup2', () => cDup2(fd, target));
}

/** Sets or clears close-on-exec: fcntl(2) F_SETFD. */
export function setCloseOnExec(fd: number, closeOnExec: boolean): void {
  const flags = check('fcntl', cFcntl(fd, F_GETFD, 'int', 0));
  const wanted = closeOnExec ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC;
  if (wanted !== flags) check('fcntl', cFcntl(fd, F_SETFD, 'int', wanted));
}

/** True when the descriptor is open in this process: fcntl(2) F_GETFD. */
export function isOpenDescriptor(fd: number): boolean {
  return cFcntl(fd, F_GETFD, 'int', 0) >= 0;
}

/** Sets the position of the open file that the descriptor names: lseek(2) SEEK_SET. */
export function seek(fd: number, position: number): void {
  check('lseek', cLseek(fd, position, SEEK_SET));
}

/** Sets or clears O_NONBLOCK of the open file that the descriptor names: fcntl(2) F_SETFL. */
export function setNonBlocking(fd: number, nonBlocking: boolean): void {
  const flags = check('fcntl', cFcntl(fd, F_GETFL, 'int', 0));
  const wanted = nonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (wanted !== flags) check('fcntl', cFcntl(fd, F_SETFL, 'int', wanted));
}

/**
 * A file of `size` zero bytes in memory, without a name in any folder, close-on-exec: memfd_create(2), or an unlinked
 * file on /dev/shm where the kernel or a sandbox refuses that. `name` is for people (/proc/PID/fd shows it).
 */
export function memoryFile(name: string, size: number): number {
  const fd = cMemfdCreate(cString(name), MFD_CLOEXEC);
  const file = fd >= 0 ? fd : unlinkedSharedFile(name, lastErrno());
  try {
    ftruncateSync(file, size);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function unlinkedSharedFile(name: string, errno: number): number {
  if (errno !== constants.errno.ENOSYS && errno !== constants.errno.EPERM) {
    throw new PosixError('memfd_create', errno, name);
  }
  const path = `/dev/shm/${name.replaceAll('/', '_')}.${process.pid}.${process.hrtime.bigint()}`;
  const fd = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return fd;
}
