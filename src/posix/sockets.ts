/**
 * Listening sockets as raw descriptors, hidden from libuv: `net.Server` would accept on them, make them non-blocking
 * for every process that shares them, and close them with the server.
 */
import { closeSync } from 'node:fs';
import { constants } from 'node:os';
import { check, declare, lastErrno, PosixError, retryInterrupted } from './libc.ts';

/** Address families, address_families(7). */
export const families = { unix: 1, ipv4: 2, ipv6: 10 } as const;
export type Family = keyof typeof families;

/** Address of a listening socket. */
export type SocketAddress =
  | { readonly family: 'unix'; readonly path: string }
  | {
      readonly family: 'ipv4' | 'ipv6';
      readonly host: string;
      readonly port: number;
      readonly scope?: number;
    };

/** Maximum length of a Unix socket's path in bytes, without the final NUL: unix(7). */
export const maxUnixPathBytes = 107;

const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
/** PowerPC numbers its options differently; 17 is another one there. */
const SO_PEERCRED = process.arch === 'ppc64' ? 21 : 17;
const SO_ACCEPTCONN = 30;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
/** struct sockaddr_storage. */
const maxAddressBytes = 128;
/** Offsets of struct tcp_info up to the fields that a listening socket fills. */
const tcpInfo = { size: 104, unacked: 24, sacked: 28 } as const;

const cSocket = declare<[number, number, number], number>('int socket(int domain, int type, int protocol)');
const cBind = declare<[number, Buffer, number], number>(
  'int bind(int sockfd, const void *addr, uint addrlen)',
);
const cListen = declare<[number, number], number>('int listen(int sockfd, int backlog)');
const cConnect = declare<[number, Buffer, number], number>(
  'int connect(int sockfd, const void *addr, uint addrlen)',
);
const cAccept4 = declare<[number, null, null, number], number>(
  'int accept4(int sockfd, void *addr, void *addrlen, int flags)',
);
const cGetsockname = declare<[number, Buffer, Buffer], number>(
  'int getsockname(int sockfd, void *addr, void *addrlen)',
);
const cSetsockopt = declare<[number, number, number, Buffer, number], number>(
  'int setsockopt(int sockfd, int level, int optname, const void *optval, uint optlen)',
);
const cGetsockopt = declare<[number, number, number, Buffer, Buffer], number>(
  'int getsockopt(int sockfd, int level, int optname, void *optval, void *optlen)',
);
const cInetPton = declare<[number, string, Buffer], number>(
  'int inet_pton(int af, const char *src, void *dst)',
);
const cInetNtop = declare<[number, Buffer, Buffer, number], unknown>(
  'void *inet_ntop(int af, const void *src, void *dst, uint size)',
);

/** A blocking stream socket, close-on-exec: socket(2). */
export function openSocket(family: Family): number {
  return check('socket', cSocket(families[family], SOCK_STREAM | SOCK_CLOEXEC, 0));
}

/** Allows binding an address while closed connections linger on it: socket(7) SO_REUSEADDR. */
export function setReuseAddress(fd: number): void {
  const one = Buffer.alloc(4);
  one.writeInt32LE(1);
  check('setsockopt', cSetsockopt(fd, SOL_SOCKET, SO_REUSEADDR, one, one.length));
}

/** bind(2). @throws PosixError, ENAMETOOLONG for a Unix path over 107 bytes. */
export function bind(fd: number, address: SocketAddress): void {
  const encoded = encodeAddress(address);
  check('bind', cBind(fd, encoded, encoded.length));
}

/** listen(2). On a listening socket it changes the backlog. -1 means the system's limit. */
export function listen(fd: number, backlog: number): void {
  check('listen', cListen(fd, backlog));
}

/** Local address of a descriptor: getsockname(2). An unnamed socket has an empty path. */
export function boundAddress(fd: number): SocketAddress {
  const address = Buffer.alloc(maxAddressBytes);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(address.length);
  check('getsockname', cGetsockname(fd, address, length));
  return decodeAddress(address.subarray(0, length.readUInt32LE()));
}

/** True for a listening socket: socket(7) SO_ACCEPTCONN. */
export function isListening(fd: number): boolean {
  const value = Buffer.alloc(4);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  if (cGetsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, length) < 0) return false;
  return value.readInt32LE() !== 0;
}

/**
 * True when a process listens on an address, tested by connect(2) without waiting: a full backlog or a connection in
 * progress counts as well. The test connection is closed unused.
 *
 * @throws PosixError when the test is impossible (EACCES, ENAMETOOLONG).
 */
export function somebodyListens(address: SocketAddress): boolean {
  try {
    closeSync(connectAtOnce(address));
    return true;
  } catch (error) {
    const { EAGAIN, EINPROGRESS, ECONNREFUSED, ENOENT, EPROTOTYPE, ENOTSOCK } = constants.errno;
    const errno = error instanceof PosixError ? error.errno : undefined;
    if (errno === EAGAIN || errno === EINPROGRESS || errno === EPROTOTYPE) return true;
    if (errno === ECONNREFUSED || errno === ENOENT || errno === ENOTSOCK) return false;
    throw error;
  }
}

/**
 * Connects to an address without waiting for anybody: connect(2).
 *
 * @throws PosixError; ECONNREFUSED when nobody listens, EAGAIN when the backlog is full
 */
export function connectAtOnce(address: SocketAddress): number {
  const encoded = encodeAddress(address);
  const fd = check(
    'socket',
    cSocket(families[address.family], SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
  );
  try {
    retryInterrupted('connect', () => cConnect(fd, encoded, encoded.length));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Takes a connection off the backlog of a listening socket: accept4(2). Waits for one unless the socket is non-blocking.
 *
 * @returns its descriptor, or undefined without a connection, or without a descriptor or memory for one
 */
export function acceptWaiting(fd: number): number | undefined {
  const taken = cAccept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC);
  return taken < 0 ? undefined : taken;
}

/** Length and limit of a listening socket's backlog, in connections. */
export interface ListenQueue {
  readonly current: number;
  readonly limit: number;
}

/**
 * Backlog of a listening TCP socket: tcp(7) TCP_INFO, whose unacked and sacked fields hold length and limit of the
 * accept queue there. Undefined for other sockets.
 */
export function tcpListenQueue(fd: number): ListenQueue | undefined {
  const info = Buffer.alloc(tcpInfo.size);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(info.length);
  if (cGetsockopt(fd, IPPROTO_TCP, TCP_INFO, info, length) < 0) {
    const errno = lastErrno();
    if (errno === constants.errno.EOPNOTSUPP || errno === constants.errno.ENOPROTOOPT) return undefined;
    throw new PosixError('getsockopt', errno);
  }
  const limit = info.readUInt32LE(tcpInfo.sacked);
  return limit === 0 ? undefined : { current: info.readUInt32LE(tcpInfo.unacked), limit };
}

/** Credentials of a Unix socket's peer: unix(7), SO_PEERCRED, struct ucred. @throws PosixError */
export function peerCredentials(fd: number): { readonly pid: number; readonly uid: number } {
  const credentials = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(credentials.length);
  check('getsockopt', cGetsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, length));
  // A short answer would read as zeros, and zero is root.
  if (length.readUInt32LE() !== credentials.length)
    throw new PosixError('getsockopt', constants.errno.EPROTO);
  return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4) };
}

/** struct sockaddr_un, sockaddr_in or sockaddr_in6; ports are in network order. */
function encodeAddress(address: SocketAddress): Buffer {
  if (address.family === 'unix') return encodeUnix(address.path);
  const encoded = Buffer.alloc(address.family === 'ipv4' ? 16 : 28);
  encoded.writeUInt16LE(families[address.family], 0);
  encoded.writeUInt16BE(address.port, 2);
  const binary = Buffer.alloc(16);
  if (cInetPton(families[address.family], address.host, binary) !== 1) {
    throw new PosixError('inet_pton', constants.errno.EINVAL, address.host);
  }
  if (address.family === 'ipv4') binary.copy(encoded, 4, 0, 4);
  else binary.copy(encoded, 8);
  return encoded;
}

function encodeUnix(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.length > maxUnixPathBytes) throw new PosixError('bind', constants.errno.ENAMETOOLONG, path);
  const encoded = Buffer.alloc(2 + bytes.length + 1);
  encoded.writeUInt16LE(families.unix, 0);
  bytes.copy(encoded, 2);
  return encoded;
}

function decodeAddress(encoded: Buffer): SocketAddress {
  const family = encoded.length >= 2 ? encoded.readUInt16LE(0) : 0;
  if (family === families.unix) {
    const end = encoded.indexOf(0, 2);
    return { family: 'unix', path: encoded.toString('utf8', 2, end < 0 ? encoded.length : end) };
  }
  if (family !== families.ipv4 && family !== families.ipv6) {
    throw new PosixError('getsockname', constants.errno.EAFNOSUPPORT);
  }
  const text = Buffer.alloc(64);
  const binary = family === families.ipv4 ? encoded.subarray(4, 8) : encoded.subarray(8, 24);
  cInetNtop(family, binary, text, text.length);
  const host = text.toString('latin1', 0, text.indexOf(0));
  return { family: family === families.ipv4 ? 'ipv4' : 'ipv6', host, port: encoded.readUInt16BE(2) };
}
