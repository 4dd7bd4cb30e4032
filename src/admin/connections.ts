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
  /** Above `waiting`, new ones are spared for so long ... */
  readonly graceMs: number;
  /** ... while fewer than these wait. */
  readonly crowd: number;
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
  /** Their request may be on its way. */
  readonly #fresh = new Set<Socket>();
  readonly #turns = new WeakMap<Socket, Turns>();

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** A new connection. */
  open(socket: Socket): void {
    socket.once('close', () => {
      this.#fresh.delete(socket);
      this.#forget(socket);
    });
    this.#fresh.add(socket);
    this.#moveTo(this.#waiting, socket, this.#limits.waiting);
    const timer = setTimeout(() => {
      if (this.#fresh.delete(socket)) this.#makeRoom(this.#waiting, this.#limits.waiting);
    }, this.#limits.graceMs);
    timer.unref();
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

  #moveTo(place: Set<Socket>, socket: Socket, most: number): void {
    this.#forget(socket);
    if (socket.destroyed) return;
    place.add(socket);
    this.#makeRoom(place, most);
  }

  /**
   * When a state is full, the connection that has been in it longest is closed. Of a hundred that came at once none is
   * closed unheard, as far as there is room: one of them may be the operator's.
   */
  #makeRoom(place: Set<Socket>, most: number): void {
    if (place.size <= most) return;
    const [oldest] = place;
    const isCrowded = place.size >= this.#limits.crowd;
    const longest = isCrowded ? oldest : [...place].find((socket) => !this.#fresh.has(socket));
    if (longest === undefined) return;
    place.delete(longest);
    longest.destroy();
  }

  #forget(socket: Socket): void {
    for (const place of [this.#waiting, this.#asking, this.#unread]) place.delete(socket);
  }
}
