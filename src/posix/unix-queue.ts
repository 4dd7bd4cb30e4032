/** Backlog of a listening Unix socket. */
import type { ListenQueue } from './sockets.ts';
import { askUnixSocket } from './unix-diag.ts';

/**
 * Backlog of a listening Unix socket.
 *
 * @returns undefined where the kernel does not answer; see {@link askUnixSocket}
 */
export function unixListenQueue(fd: number): ListenQueue | undefined {
  // For a listening socket the receive queue is the length, the send queue the limit.
  const answer = askUnixSocket(fd, 'queue');
  return answer && { current: answer[0], limit: answer[1] };
}
