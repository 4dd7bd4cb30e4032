/** Who may ask: a Unix socket is guarded by its mode, a TCP address by its token and the name it was called by. */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { peerCredentials } from '../posix/sockets.ts';
import { type Answer, failure } from './routes.ts';

/** Names that only a client on this machine uses: a page in a browser comes under the name of its own site. */
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * The answer to a request over TCP that has no right to another one.
 *
 * @param token `admin.token`; undefined on a Unix socket, where nothing is asked for
 */
export function refusal(
  request: IncomingMessage,
  isProbe: boolean,
  token: string | undefined,
): Answer | undefined {
  if (token === undefined) return undefined;
  if (!loopbackHost.test(request.headers.host ?? '')) {
    return failure(403, 'the header Host must name a loopback address');
  }
  if (isProbe || carries(request.headers.authorization, token)) return undefined;
  return failure(401, 'needs "Authorization: Bearer" with the admin.token');
}

/** Compared by digest, so that the time taken tells nothing of the token. */
function carries(header: string | undefined, token: string): boolean {
  const given = /^Bearer ([!-~]+)$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Who is at the other end, for the log. */
export function peerOf(socket: Socket): string {
  if (socket.remoteAddress !== undefined) return `${socket.remoteAddress}:${socket.remotePort}`;
  // Node has no public way to a connection's descriptor; without it the peer is not named, nothing else.
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return 'an unknown process';
  try {
    const { uid, pid } = peerCredentials(fd);
    return `uid ${uid}, pid ${pid}`;
  } catch {
    return 'an unknown process';
  }
}
