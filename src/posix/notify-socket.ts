/** Sends datagrams to a Unix socket, as sd_notify(3) needs. Node has no Unix datagram sockets. */
import { closeSync } from 'node:fs';
import { declare, lastErrno } from './libc.ts';
import { messageOf } from './message.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

const cSocket = declare<[number, number, number], number>('int socket(int domain, int type, int protocol)');
const cSendmsg = declare<[number, Buffer, number], number>(
  'intptr_t sendmsg(int sockfd, const void *msg, int flags)',
);

/** The descriptor sent with the text. */
export interface DatagramOptions {
  /** A copy of this descriptor is passed: unix(7), SCM_RIGHTS. */
  readonly descriptor?: number;
  /** EAGAIN where the receiver's queue is full; otherwise the call waits for room in it. */
  readonly atOnce?: boolean;
}

/**
 * Sends `text` as one datagram to the Unix socket at `path`; a leading `@` names an abstract socket: sendmsg(2).
 *
 * @returns 0, or the errno of socket(2) or sendmsg(2)
 */
export function sendToUnixSocket(
  path: string,
  text: string,
  { descriptor, atOnce = false }: DatagramOptions = {},
): number {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path, 'utf8');
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX);
  name.copy(address, 2);
  const fd = cSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return lastErrno();
  const fds = descriptor === undefined ? [] : [descriptor];
  const message = messageOf(Buffer.from(text, 'utf8'), { fds, address });
  const sent = cSendmsg(fd, message.header, MSG_NOSIGNAL | (atOnce ? MSG_DONTWAIT : 0));
  const errno = sent < 0 ? lastErrno() : 0;
  closeSync(fd);
  return errno;
}
