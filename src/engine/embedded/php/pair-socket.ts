/** One end of a socket pair within a script: each end receives data sent by the other. */

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
    // Synchronously: a script that polls without waiting must see it.
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
