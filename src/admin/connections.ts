/**
 * The connections of the admin endpoint by what they wait for. A TCP port is open to every user of the machine, and
 * whoever holds connections without a word, or does not read its answers, must not keep others out.
 */

import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How many connections may be at each of these at a time; together they are fewer than the server accepts. */
export interface ConnectionLimits {
  /** Their request has not arrived, first or next. */
  readonly waiting: number;
  /** The master works on their answer. */
  readonly asking: number;
  /** They have not taken their answer. */
  readonly unread: number;
  /** Requests of one connection that came before the answer to the first of them was taken. */
  readonly pipelined: number;
}

/** Requests of a connection that are not done; each begins when the one before it is. */
interface Turns {
  count: number;
  last: Promise<void>;
}

export class AdminConnections {
  readonly #limits: ConnectionLimits;
  /** Those that have been at it longest come first. */
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
   * The head of a request is here.
   *
   * @returns what settles when the requests before it on its connection are done; undefined when it is not to be
   *   served, since the connection is gone or sends more than it may
   */
  admit(socket: Socket, response: ServerResponse): Promise<void> | undefined {
    // What else came with the request that was one too many is still being parsed.
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
   * The request is complete and its turn has come.
   *
   * @returns 'busy' when too many are being answered: this one is to be refused; 'gone' when its connection is
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

  /** When there are too many at it, the one that has been longest gives way. */
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
