/**
 * PHP's memory use of a request. The front knows requests, the pool's access log knows memory: the pool logs into a
 * socket of this process, each line with the front's id of the request.
 */

import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import { socketPair } from '../../posix/descriptors.ts';

/** The line may arrive shortly after the response; a request that never reached PHP has none. */
const patienceMs = 100;
/** Limit for lines that are never asked for, such as those of aborted requests. */
const mostKept = 1000;

export class RequestMemory {
  readonly #reader: Socket;
  readonly #writerFd: number;
  readonly #bytes = new Map<string, number>();
  readonly #waiting = new Map<string, (bytes: number | undefined) => void>();
  #rest = '';

  constructor() {
    const [readerFd, writerFd] = socketPair();
    this.#writerFd = writerFd;
    this.#reader = new Socket({ fd: readerFd });
    this.#reader.setEncoding('latin1');
    this.#reader.on('data', (text: string) => this.#take(text));
    // When the pool's end breaks off, no more lines will follow.
    this.#reader.on('error', () => this.#reader.destroy());
    this.#reader.unref();
  }

  /** Directives that make the pool log here. */
  get directives(): readonly string[] {
    return [`access.log = /proc/self/fd/${this.#writerFd}`, 'access.format = "%{REQUEST_ID}e %M"'];
  }

  /** Peak of the request with that id in bytes; undefined when PHP has not logged it in time. */
  of(id: string): Promise<number | undefined> {
    const known = this.#bytes.get(id);
    this.#bytes.delete(id);
    if (known !== undefined) return Promise.resolve(known);
    return new Promise((resolve) => {
      const settle = (bytes: number | undefined): void => {
        clearTimeout(timer);
        this.#waiting.delete(id);
        resolve(bytes);
      };
      const timer = setTimeout(() => settle(undefined), patienceMs);
      this.#waiting.set(id, settle);
    });
  }

  /** Waiting callers get undefined. */
  close(): void {
    for (const settle of this.#waiting.values()) settle(undefined);
    this.#reader.destroy();
    closeSync(this.#writerFd);
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const [id = '', bytes = ''] = line.split(' ');
      const waiting = this.#waiting.get(id);
      if (waiting !== undefined) waiting(Number(bytes));
      else if (this.#bytes.size < mostKept) this.#bytes.set(id, Number(bytes));
    }
  }
}
