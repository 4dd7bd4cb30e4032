/** read() on pipes and sockets: waits while the descriptor is blocking. (The loader's returns after 5 s.) */

import type { FsStream } from './emscripten.ts';
import type { Engine, EngineImports } from './engine.ts';
import { errno, errorNumber } from './errno.ts';
import { pipeOf } from './pipes.ts';
import type { Waiting } from './waiting.ts';

const nonBlocking = 0o4000;
/** Bytes of a `struct iovec`. */
const vectorBytes = 8;
/** Pauses between checks of streams without notification, in milliseconds. */
const pauses = [0, 1, 1, 2, 2, 5, 10];

/** A readv() call: its buffers, and the address for the number of bytes. */
interface ReadCall {
  readonly stream: FsStream;
  readonly vectors: number;
  readonly count: number;
  readonly total: number;
}

export class Reading {
  readonly #engine: () => Engine;
  readonly #waiting: Waiting;

  constructor(engine: () => Engine, waiting: Waiting) {
    this.#engine = engine;
    this.#waiting = waiting;
  }

  repair(imports: EngineImports): void {
    imports['js_fd_read'] = new WebAssembly.Suspending(
      (fd: number, vectors: number, count: number, total: number): number | Promise<number> => {
        const stream = this.#engine().fs.getStream(fd);
        if (stream === null || stream === undefined) return errno.EBADF;
        const call = { stream, vectors, count, total };
        const result = this.#read(call);
        return result === errno.EAGAIN ? this.#readLater(call) : result;
      },
    );
  }

  async #readLater(call: ReadCall): Promise<number> {
    const { stream } = call;
    if ((stream.flags & nonBlocking) !== 0) {
      await this.#waiting.turn();
      return this.#read(call);
    }
    for (let tries = 0; ; tries += 1) {
      if (!(await this.#pause(stream, tries))) return errno.EIO;
      if (this.#engine().fs.getStream(stream.fd) !== stream) return errno.EBADF;
      const result = this.#read(call);
      if (result !== errno.EAGAIN) return result;
    }
  }

  #pause(stream: FsStream, tries: number): Promise<boolean> {
    const pipe = pipeOf(stream);
    if (pipe === undefined) return this.#waiting.pause(pauses[Math.min(tries, pauses.length - 1)] as number);
    return this.#waiting.for((wake) => pipe.watch(wake));
  }

  #read({ stream, vectors, count, total }: ReadCall): number {
    const { fs, memory } = this.#engine();
    let read = 0;
    try {
      for (let at = vectors; at < vectors + count * vectorBytes; at += vectorBytes) {
        const length = memory.word(at + 4);
        const heap = new Int8Array(memory.bytes.buffer);
        const got = fs.read(stream, heap, memory.word(at), length);
        read += got;
        if (got < length) break;
      }
    } catch (error) {
      // Data read before the failure counts.
      if (read === 0) return errorNumber(error);
    }
    memory.setWord(total, read);
    return 0;
  }
}
