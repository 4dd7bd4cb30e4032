/** How many connections wait in a listening Unix socket. */
import type { ListenQueue } from './sockets.ts';
import { askUnixSocket } from './unix-diag.ts';

/**
 * Queue of a listening Unix socket.
 *
 * @returns undefined where the kernel does not say; see {@link askUnixSocket}
 */
export function unixListenQueue(fd: number): ListenQueue | undefined {
  // Of a listening socket the receive queue is what waits, the send queue what may.
  const answer = askUnixSocket(fd, 'queue');
  return answer && { current: answer[0], limit: answer[1] };
}
