/** One end of a pair of sockets within a script: what one end sends, the other receives. */

import { LoaderSocket, socketStates } from './loader-socket.ts';

export class PairSocket extends LoaderSocket {
  #other: PairSocket | undefined;

  static pair(): readonly [PairSocket, PairSocket] {
    const [one, other] = [new PairSocket(), new PairSocket()];
    one.#other = other;
    other.#other = one;
    for (const end of [one, other]) setImmediate(() => end.#open());
    return [one, other];
  }

  #open(): void {
    if (this.readyState === socketStates.connecting) this.opened();
  }

  override send(data: ArrayBuffer): void {
    // At once: a script that asks again and again without waiting gets to see it.
    this.#other?.emit('message', Buffer.from(data.slice(0)), true);
  }

  override close(): void {
    const other = this.#other;
    this.#other = undefined;
    this.closed();
    other?.close();
  }

  override destroy(): void {
    this.#other = undefined;
    this.closed();
  }
}
