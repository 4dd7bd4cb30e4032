/** The pools that sleep: each is a listening socket that is watched, and nothing else. */

import { ReadableWatch } from '../posix/epoll.ts';
import type { Listener } from '../sockets/listener.ts';

export class Sleepers {
  readonly #wake = new Map<number, () => void>();
  #watch: ReadableWatch | undefined;

  /**
   * @param wake called once, when a connection waits
   * @throws PosixError for a descriptor that cannot be waited for
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

  /** To be called before the socket is closed. Harmless for one that does not sleep. */
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
