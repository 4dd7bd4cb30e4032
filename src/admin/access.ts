/**
 * Access control: a Unix socket is guarded by its mode, a TCP address by its token, and both by the browser's headers
 * about the page that asks. Browsers can reach a Unix socket as well, through `ssh -L PORT:SOCKET`.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { peerCredentials } from '../posix/sockets.ts';
import { type Answer, failure } from './answer.ts';

/** Host names that only clients on this machine use: a page of another site sends the name of that site. */
const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * The refusal of an unauthorised request.
 *
 * @param isOpen whether the path needs no token and reveals nothing to pages of other sites
 * @param token `admin.token`; undefined on a Unix socket, which needs none
 */
export function refusal(
  { headers }: IncomingMessage,
  isOpen: boolean,
  token: string | undefined,
): Answer | undefined {
  const { host = '' } = headers;
  // A client of a Unix socket may have no host name; a browser always has one.
  const isNamed = loopbackHost.test(host) || (host === '' && token === undefined);
  if (!isNamed) return failure(403, 'the header Host must name a loopback address');
  if (isOpen) return undefined;
  if (isOfAnotherPage(headers)) return failure(403, 'pages of other sites must not ask');
  if (token === undefined || carries(headers.authorization, token)) return undefined;
  return failure(401, 'needs "Authorization: Bearer" with the admin.token');
}

/**
 * Whether the browser says that a page of another origin sends the request: it would have the rights of the browser's
 * user (fetch metadata; Origin in older browsers). Other clients send neither header.
 */
function isOfAnotherPage({ host, origin, 'sec-fetch-site': site }: IncomingHttpHeaders): boolean {
  if (site !== undefined) return site !== 'same-origin' && site !== 'none';
  return origin !== undefined && origin !== `http://${host}`;
}

/** Compares digests, so that the timing reveals nothing about the token. */
function carries(header: string | undefined, token: string): boolean {
  const given = /^Bearer ([!-~]+)$/i.exec(header ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** The client, for the log. */
export function peerOf(socket: Socket): string {
  if (socket.remoteAddress !== undefined) return `${socket.remoteAddress}:${socket.remotePort}`;
  // Node has no public access to a connection's descriptor; without it the log only lacks the peer.
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) return 'an unknown process';
  try {
    const { uid, pid } = peerCredentials(fd);
    return `uid ${uid}, pid ${pid}`;
  } catch {
    return 'an unknown process';
  }
}
