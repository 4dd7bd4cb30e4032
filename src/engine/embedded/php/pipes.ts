/** Pipes of the instance: one end is written, the other is read, by PHP or by a child process's stream. */

import { suspending } from './boundary.ts';
import type { EmscriptenFs, FsStream } from './emscripten.ts';
import type { Engine, EngineImports } from './engine.ts';
import { errno } from './errno.ts';
import type { Waiting } from './waiting.ts';

/** Bytes in a pipe before its writer has to wait, as in the kernel. */
const capacity = 64 * 1024;
/** `S_IFIFO | 0600` */
const pipeMode = 0o10600;
const accessMask = 3;
const writeOnly = 1;
const nonBlocking = 0o4000;
/** Events of poll() in the engine's C library. */
const pollEvents = { in: 0x41, out: 0x104, error: 8, hangUp: 0x10 } as const;

let lastNumber = 0;

export class Pipe {
  readonly number = ++lastNumber;
  readers = 0;
  writers = 0;
  #bytes = 0;
  readonly #pieces: Uint8Array[] = [];
  readonly #watchers = new Set<() => void>();

  get bytes(): number {
    return this.#bytes;
  }

  /** A writer should wait if it can. */
  get isFull(): boolean {
    return this.#bytes >= capacity && this.readers > 0;
  }

  /** Empty, and its writers are closed. */
  get isAtEnd(): boolean {
    return this.#bytes === 0 && this.writers === 0;
  }

  /** @param piece becomes the pipe's own. */
  write(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    this.#changed();
  }

  /** Takes as much as fits. @returns the number of bytes */
  read(target: Uint8Array): number {
    let filled = 0;
    for (
      let piece = this.#pieces[0];
      piece !== undefined && filled < target.length;
      piece = this.#pieces[0]
    ) {
      const part = piece.subarray(0, target.length - filled);
      target.set(part, filled);
      filled += part.length;
      if (part.length === piece.length) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(part.length);
    }
    this.#bytes -= filled;
    if (filled > 0) this.#changed();
    return filled;
  }

  /** Takes the next piece as written. */
  take(): Uint8Array | undefined {
    const piece = this.#pieces.shift();
    if (piece === undefined) return undefined;
    this.#bytes -= piece.length;
    this.#changed();
    return piece;
  }

  /** Calls back after a write, a read, or the close of an end. @returns a function that stops it */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  closeWriter(): void {
    this.writers -= 1;
    this.#changed();
  }

  /** Closing the last reader discards pending data. */
  closeReader(): void {
    this.readers -= 1;
    if (this.readers === 0) {
      this.#pieces.length = 0;
      this.#bytes = 0;
    }
    this.#changed();
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }
}

/** The pipe behind a descriptor of PHP; undefined for other files. */
export function pipeOf(stream: FsStream | null | undefined): Pipe | undefined {
  return (stream?.node as { pipe?: Pipe } | undefined)?.pipe;
}

export function isWriteEnd(stream: FsStream): boolean {
  return (stream.flags & accessMask) === writeOnly;
}

/** Makes pipe() create pipes of this kind, and write() wait while one is full. */
export function repairPipes(imports: EngineImports, engine: () => Engine, waiting: Waiting): void {
  imports['__syscall_pipe'] = (address: number): number => {
    const { fs, memory } = engine();
    const pipe = new Pipe();
    memory.setWord(address, openEnd(fs, pipe, false).fd);
    memory.setWord(address + 4, openEnd(fs, pipe, true).fd);
    return 0;
  };
  const write = imports['fd_write'] as (...args: number[]) => number;
  const writeAll = (...args: [fd: number, ...number[]]): number | Promise<number> => {
    const stream = engine().fs.getStream(args[0]);
    const pipe = pipeOf(stream);
    if (!pipe?.isFull) return write(...args);
    if (((stream?.flags ?? 0) & nonBlocking) !== 0) return errno.EAGAIN;
    return waitForRoom(pipe, waiting).then((isRoom) => (isRoom ? write(...args) : errno.EIO));
  };
  imports['fd_write'] = suspending(writeAll, (number) => number);
}

async function waitForRoom(pipe: Pipe, waiting: Waiting): Promise<boolean> {
  while (pipe.isFull) if (!(await waiting.for((wake) => pipe.watch(wake)))) return false;
  return true;
}

function openEnd(fs: EmscriptenFs, pipe: Pipe, writes: boolean): FsStream {
  const path = `pipe:[${pipe.number}]`;
  const node = Object.assign(fs.createNode(null, path, pipeMode), { pipe });
  // It has no name in any folder.
  fs.hashRemoveNode(node);
  const operations = writes ? writeOperations(fs, pipe) : readOperations(fs, pipe);
  operations.dup();
  return fs.createStream({
    ...{ path, node, flags: writes ? writeOnly : 0, seekable: false },
    stream_ops: { ...operations, ...commonOperations(node.id) },
  });
}

/** Operations for poll() and select(), in addition to the loader's. */
export interface PollOperations {
  poll(stream: FsStream): number;
  /** Calls back when poll() may have another result. @returns a function that stops it */
  watch(onChange: () => void): () => void;
}

function readOperations(
  fs: EmscriptenFs,
  pipe: Pipe,
): PollOperations & Record<string, unknown> & { dup(): void } {
  return {
    dup: () => {
      pipe.readers += 1;
    },
    close: () => pipe.closeReader(),
    poll: () => (pipe.bytes > 0 ? pollEvents.in : 0) | (pipe.writers === 0 ? pollEvents.hangUp : 0),
    watch: (onChange) => pipe.watch(onChange),
    read: (_stream: FsStream, buffer: Int8Array, offset: number, length: number): number => {
      if (pipe.bytes === 0 && pipe.writers > 0) throw new fs.ErrnoError(errno.EAGAIN);
      return pipe.read(new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length));
    },
  };
}

function writeOperations(
  fs: EmscriptenFs,
  pipe: Pipe,
): PollOperations & Record<string, unknown> & { dup(): void } {
  return {
    dup: () => {
      pipe.writers += 1;
    },
    close: () => pipe.closeWriter(),
    poll: () => (pipe.isFull ? 0 : pollEvents.out) | (pipe.readers === 0 ? pollEvents.error : 0),
    watch: (onChange) => pipe.watch(onChange),
    write: (_stream: FsStream, buffer: Uint8Array, offset: number, length: number): number => {
      if (pipe.readers === 0) throw new fs.ErrnoError(errno.EPIPE);
      pipe.write(Uint8Array.prototype.slice.call(buffer, offset, offset + length));
      return length;
    },
  };
}

/** stat() of a pipe, and no ioctl(). */
function commonOperations(inode: number): Record<string, unknown> {
  const time = new Date();
  const blank = { dev: 14, nlink: 1, uid: 0, gid: 0, rdev: 0, size: 0, blksize: 4096, blocks: 0 };
  return {
    getattr: () => ({ ...blank, ino: inode, mode: pipeMode, atime: time, mtime: time, ctime: time }),
    ioctl: () => errno.EINVAL,
    fsync: () => errno.EINVAL,
  };
}
