/** Sends one datagram to a Unix socket, as sd_notify(3) needs. Node has no Unix datagram sockets. */
import { closeSync } from 'node:fs';
import { declare, lastErrno } from './libc.ts';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;

const cSocket = declare<[number, number, number], number>('int socket(int domain, int type, int protocol)');
const cSendto = declare<[number, Buffer, number, number, Buffer, number], number>(
  'intptr_t sendto(int sockfd, const void *buf, size_t len, int flags, const void *addr, uint addrlen)',
);

/**
 * Sends `text` as one datagram to the Unix socket at `path`; a leading `@` names an abstract socket: sendto(2).
 *
 * @returns 0, or the errno of socket(2) or sendto(2)
 */
export function sendToUnixSocket(path: string, text: string): number {
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : path, 'utf8');
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX);
  name.copy(address, 2);
  const fd = cSocket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return lastErrno();
  const bytes = Buffer.from(text, 'utf8');
  const sent = cSendto(fd, bytes, bytes.length, MSG_NOSIGNAL, address, address.length);
  const errno = sent < 0 ? lastErrno() : 0;
  closeSync(fd);
  return errno;
}
