/** The connections of the admin endpoint whose request has not arrived, first or next. */

import type { Socket } from 'node:net';

/**
 * A TCP port is open to every user of the machine, and whoever holds connections without a word must not keep others
 * out: when there are too many, the one that has waited longest gives way.
 */
export class WaitingConnections {
  readonly #most: number;
  /** The one that has waited longest comes first. */
  readonly #sockets = new Set<Socket>();

  constructor(most: number) {
    this.#most = most;
  }

  /** A new connection. */
  open(socket: Socket): void {
    socket.once('close', () => this.delete(socket));
    this.add(socket);
  }

  /** It has had its answer, and waits for the next request. */
  add(socket: Socket): void {
    if (socket.destroyed) return;
    this.#sockets.add(socket);
    const [longest] = this.#sockets;
    if (this.#sockets.size <= this.#most || longest === undefined) return;
    this.delete(longest);
    longest.destroy();
  }

  /** Its request is here. */
  delete(socket: Socket): void {
    this.#sockets.delete(socket);
  }
}
