/** read() on pipes and sockets: waits as long as the descriptor is blocking. (The loader's gives up after 5 s.) */

import type { FsStream } from './emscripten.ts';
import type { Engine, EngineImports } from './engine.ts';

/** Error numbers of the engine's C library (WASI). */
const errno = { EAGAIN: 6, EBADF: 8, EIO: 29 } as const;
const nonBlocking = 0o4000;
/** Bytes of a `struct iovec`. */
const vectorBytes = 8;
/** Pauses between two looks at an empty pipe, in milliseconds. */
const pauses = [0, 1, 1, 2, 2, 5, 10];

interface PipeNode {
  readonly pipe?: { readonly refcnt: number };
}

export function repairReading(imports: EngineImports, engine: () => Engine): void {
  imports['js_fd_read'] = new WebAssembly.Suspending(
    (fd: number, vectors: number, count: number, total: number): number | Promise<number> => {
      const stream = engine().fs.getStream(fd);
      if (stream === null || stream === undefined) return errno.EBADF;
      const result = readVectors(engine(), stream, vectors, count, total);
      if (result !== errno.EAGAIN || stream.flags & nonBlocking) return result;
      return waitAndRead(engine(), stream, vectors, count, total);
    },
  );
}

async function waitAndRead(
  engine: Engine,
  stream: FsStream,
  vectors: number,
  count: number,
  total: number,
): Promise<number> {
  for (let tries = 0; ; tries += 1) {
    const pause = pauses[Math.min(tries, pauses.length - 1)] as number;
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (engine.fs.getStream(stream.fd) !== stream) return errno.EBADF;
    const result = readVectors(engine, stream, vectors, count, total);
    const pipe = (stream.node as PipeNode).pipe;
    if (result !== errno.EAGAIN || (pipe !== undefined && pipe.refcnt < 2)) return result;
  }
}

function readVectors(
  engine: Engine,
  stream: FsStream,
  vectors: number,
  count: number,
  total: number,
): number {
  const { fs, memory } = engine;
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
    const code = (error as { errno?: number }).errno ?? errno.EIO;
    // What was read before the failure counts.
    if (read === 0) return code;
  }
  memory.setWord(total, read);
  return 0;
}
