/** Waits for descriptors that Node cannot wait for, such as listening sockets that another process accepts from. */

import { closeSync, writeSync } from 'node:fs';
import { check, declare, declareAsync } from './libc.ts';

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 0x1;
const EPOLLONESHOT = 1 << 30;
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** x86-64 alone packs struct epoll_event (epoll_event(3type)): 32 bits of events, then 64 of data. */
const eventLayout = process.arch === 'x64' ? { size: 12, data: 4 } : { size: 16, data: 8 };
const retryMs = 100;
/** Maximum of events per call; the next call returns the rest. */
const eventsAtOnce = 64;

const cEpollCreate1 = declare<[number], number>('int epoll_create1(int flags)');
const cEpollCtl = declare<[number, number, number, Buffer], number>(
  'int epoll_ctl(int epfd, int op, int fd, void *event)',
);
const cEpollWait = declareAsync<[number, Buffer, number, number], number>(
  'int epoll_wait(int epfd, void *events, int maxevents, int timeout)',
);
const cEventfd = declare<[number, number], number>('int eventfd(uint initval, int flags)');

/**
 * Reports once that a descriptor has become readable: epoll(7) with EPOLLONESHOT, in a thread of libuv's pool. Keeps
 * the process alive until {@link close}.
 */
export class ReadableWatch {
  readonly #epoll = check('epoll_create1', cEpollCreate1(EPOLL_CLOEXEC));
  /** close() writes to it to wake the thread. */
  readonly #wake = check('eventfd', cEventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  readonly #onReadable: (fd: number) => void;
  readonly #events = Buffer.alloc(eventsAtOnce * eventLayout.size);
  readonly #known = new Set<number>();
  #closed = false;

  /** @param onReadable called from the event loop, once for each {@link watch} */
  constructor(onReadable: (fd: number) => void) {
    this.#onReadable = onReadable;
    this.#control(EPOLL_CTL_ADD, this.#wake, EPOLLIN);
    this.#wait();
  }

  /** @throws PosixError for a descriptor that epoll does not support */
  watch(fd: number): void {
    this.#control(this.#known.has(fd) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLONESHOT);
    this.#known.add(fd);
  }

  /** Call it before the descriptor is closed. No-op for a descriptor that is not watched. */
  forget(fd: number): void {
    if (!this.#known.delete(fd)) return;
    try {
      this.#control(EPOLL_CTL_DEL, fd, 0);
    } catch {
      // EBADF: the descriptor was closed meanwhile and reports nothing more.
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    writeSync(this.#wake, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
  }

  #control(operation: number, fd: number, events: number): void {
    const event = Buffer.alloc(eventLayout.size);
    event.writeUInt32LE(events, 0);
    event.writeInt32LE(fd, eventLayout.data);
    check('epoll_ctl', cEpollCtl(this.#epoll, operation, fd, event));
  }

  #wait(): void {
    cEpollWait(this.#epoll, this.#events, eventsAtOnce, -1, (count) => {
      if (this.#closed) {
        closeSync(this.#epoll);
        closeSync(this.#wake);
        return;
      }
      const ready: number[] = [];
      for (let index = 0; index < count; index++) {
        ready.push(this.#events.readInt32LE(index * eventLayout.size + eventLayout.data));
      }
      // After an error the wait must not start again, or it would spin.
      if (count >= 0) this.#wait();
      else setTimeout(() => this.#wait(), retryMs);
      // Skip descriptors that were forgotten while the thread returned.
      for (const fd of ready) if (this.#known.has(fd)) this.#onReadable(fd);
    });
  }
}
