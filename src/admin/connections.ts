/**
 * Connections of the admin endpoint by state. A TCP port is open to every user of the machine: idle connections and
 * unread answers must not keep others out.
 */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Maximum number of connections in each state; their sum is below the server's limit. */
export interface ConnectionLimits {
  /** Their request, first or next, is due. */
  readonly waiting: number;
  /** The master prepares their answer. */
  readonly asking: number;
  /** They have not read their answer. */
  readonly unread: number;
  /** Pipelined requests of one connection before its first answer is read. */
  readonly pipelined: number;
}

/** Open requests of a connection; each begins at the end of the previous one. */
interface Turns {
  count: number;
  last: Promise<void>;
}

export class AdminConnections {
  readonly #limits: ConnectionLimits;
  /** Longest in this state first. */
  readonly #waiting = new Set<Socket>();
  readonly #unread = new Set<Socket>();
  readonly #asking = new Set<Socket>();
  readonly #turns = new WeakMap<Socket, Turns>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** A new connection. */
  open(socket: Socket): void {
    socket.once('close', () => this.#forget(socket));
    this.#moveTo(this.#waiting, socket, this.#limits.waiting);
  }

  /**
   * The head of a request has arrived.
   *
   * @returns a promise for the end of the connection's earlier requests; undefined to skip the request, because the
   *   connection has closed or exceeds its limit
   */
  admit(socket: Socket, response: ServerResponse): Promise<void> | undefined {
    // The rest of the input with one request too many is still being parsed.
    if (socket.destroyed) return undefined;
    const turns = this.#turns.get(socket) ?? { count: 0, last: Promise.resolve() };
    if (turns.count >= this.#limits.pipelined) {
      socket.destroy();
      return undefined;
    }
    this.#turns.set(socket, turns);
    const before = turns.last;
    turns.count += 1;
    turns.last = new Promise((resolve) => {
      response.once('close', () => {
        turns.count -= 1;
        if (turns.count === 0) this.#moveTo(this.#waiting, socket, this.#limits.waiting);
        resolve();
      });
    });
    return before;
  }

  /**
   * The request is complete and has its turn.
   *
   * @returns 'busy' when too many are being answered, so this one is refused; 'gone' when its connection has closed
   */
  begin(socket: Socket): 'next' | 'busy' | 'gone' {
    if (socket.destroyed) return 'gone';
    if (this.#asking.size >= this.#limits.asking) return 'busy';
    this.#moveTo(this.#asking, socket, Number.POSITIVE_INFINITY);
    return 'next';
  }

  /** The answer is about to be sent. */
  answering(socket: Socket): void {
    this.#moveTo(this.#unread, socket, this.#limits.unread);
  }

  /** When the state is full, the connection that has been in it longest is closed. */
  #moveTo(place: Set<Socket>, socket: Socket, most: number): void {
    this.#forget(socket);
    if (socket.destroyed) return;
    place.add(socket);
    const [longest] = place;
    if (place.size <= most || longest === undefined) return;
    place.delete(longest);
    longest.destroy();
  }

  #forget(socket: Socket): void {
    for (const place of [this.#waiting, this.#asking, this.#unread]) place.delete(socket);
  }
}
