/**
 * Who may ask: a Unix socket is guarded by its mode, a TCP address by its token, and both by what a browser says of
 * the page that asks. A Unix socket can be reached by browsers as well, through `ssh -L PORT:SOCKET`.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { peerCredentials } from '../posix/sockets.ts';
import { type Answer, failure } from './answer.ts';

/** Names that only a client on this machine uses: a page in a browser comes under the name of its own site. */
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * The answer to a request that has no right to another one.
 *
 * @param isOpen whether the path needs no token and shows nothing to a page of another site
 * @param token `admin.token`; undefined on a Unix socket, where nothing is asked for
 */
export function refusal(
  { headers }: IncomingMessage,
  isOpen: boolean,
  token: string | undefined,
): Answer | undefined {
  const { host = '' } = headers;
  // A client that speaks to a Unix socket may have no name for it; a browser always has one.
  const isNamed = loopbackHost.test(host) || (host === '' && token === undefined);
  if (!isNamed) return failure(403, 'the header Host must name a loopback address');
  if (isOpen) return undefined;
  if (isOfAnotherPage(headers)) return failure(403, 'pages of other sites must not ask');
  if (token === undefined || carries(headers.authorization, token)) return undefined;
  return failure(401, 'needs "Authorization: Bearer" with the admin.token');
}

/**
 * Whether a browser says that a page of another origin asks: such a request comes with the rights of whoever sits at
 * the browser (fetch metadata; Origin where a browser is too old for it). Other clients send neither.
 */
function isOfAnotherPage({ host, origin, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  return origin !== undefined && origin !== `http://${host}`;
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
