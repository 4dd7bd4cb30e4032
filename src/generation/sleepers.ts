/** The sleeping pools: each is only a watched listening socket. */

import { ReadableWatch } from '../posix/epoll.ts';
import type { Listener } from '../sockets/listener.ts';

export class Sleepers {
  readonly #wake = new Map<number, () => void>();
  #watch: ReadableWatch | undefined;

  /**
   * @param wake called once, when a connection waits
   * @throws PosixError for a descriptor that cannot be watched
   */
  add(listener: Listener, wake: () => void): void {
    const fd = listener.intactFd();
    this.#watch ??= new ReadableWatch((readable) => {
      const act = this.#wake.get(readable);
      this.#wake.delete(readable);
      act?.();
    });
    this.#watch.watch(fd);
    this.#wake.set(fd, wake);
  }

  /** Call it before the socket is closed. No-op for a pool that is awake. */
  remove({ fd }: Listener): void {
    this.#wake.delete(fd);
    this.#watch?.forget(fd);
  }

  close(): void {
    this.#wake.clear();
    this.#watch?.close();
    this.#watch = undefined;
  }
}
