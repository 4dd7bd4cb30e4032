/**
 * File locks of scripts as real kernel locks: they apply between the threads of this host, between hosts and to native
 * programs.
 *
 * By POSIX, byte ranges (SQLite) belong to a process; here the instance takes that role. So each file has one lock
 * descriptor per instance, whichever descriptor the script used.
 */

import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { PosixError } from '../../../posix/libc.ts';
import {
  conflictingLock,
  flockOperation,
  type LockKind,
  lockKind,
  tryFlock,
  tryLockRange,
} from '../../../posix/locks.ts';
import type { FsStream, UserSpaceContext } from './emscripten.ts';
import type { Engine } from './engine.ts';
import { errno } from './errno.ts';
import { refuseWal } from './sqlite.ts';
import type { Waiting } from './waiting.ts';

/** fcntl() commands in the engine's C library. */
const command = { getLock: 12, setLock: 13, setLockWait: 14 } as const;
/** `LOCK_NB` */
const nonBlocking = 4;
/** First byte of SQLite's locks (PENDING_BYTE). */
const sqliteRange = 0x40000000;
/** Pauses between attempts for a lock, in milliseconds. */
const pauses = [0, 1, 1, 2, 3, 5, 8, 12, 20];

/** Receives a message for the log about an unusable database. */
export type LockComplaint = (message: string) => void;

interface FileLock {
  readonly fd: number;
  readonly writable: boolean;
  /** True once SQLite's range locks were seen and its journal mode was checked. */
  checked: boolean;
}

/** The lock part of the loader's binding; one for each instance. */
export class FileLocks {
  readonly #engine: () => Engine;
  readonly #waiting: Waiting;
  readonly #builtin: UserSpaceContext['wasmImports'];
  readonly #complain: LockComplaint;
  readonly #files = new Map<string, FileLock>();

  constructor(context: UserSpaceContext, engine: () => Engine, waiting: Waiting, complain: LockComplaint) {
    this.#engine = engine;
    this.#waiting = waiting;
    this.#builtin = context.wasmImports;
    this.#complain = complain;
  }

  /** The functions expected by the loader. */
  binding(): object {
    return {
      flock: (fd: number, operation: number) => this.#flock(fd, operation),
      fcntl64: (fd: number, code: number, varargs: number) => this.#fcntl(fd, code, varargs),
      fd_close: (fd: number) => this.#close(fd),
      js_release_file_locks: () => this.releaseAll(),
    };
  }

  /** Releases every range lock of the instance. */
  releaseAll(): void {
    for (const lock of this.#files.values()) closeSync(lock.fd);
    this.#files.clear();
  }

  #stream(fd: number): FsStream | undefined {
    const stream = this.#engine().fs.streams[fd];
    return stream?.nfd === undefined ? undefined : stream;
  }

  /** Sets errno, so that PHP can distinguish "taken" from "failed" ($would_block). */
  #fail(code: number): number {
    const engine = this.#engine();
    engine.memory.setWord(engine.function('__errno_location')(), code);
    return -1;
  }

  #flock(fd: number, operation: number): number | Promise<number> {
    const stream = this.#stream(fd);
    // Files in the instance's own memory are private.
    if (stream === undefined) return 0;
    const wanted = operation & ~nonBlocking;
    const attempt = (): boolean => tryFlock(stream.nfd as number, wanted);
    try {
      if (attempt()) return 0;
      if (wanted === flockOperation.unlock || operation & nonBlocking) return this.#fail(errno.EAGAIN);
      return this.#wait(attempt).then(
        (isTaken) => (isTaken ? 0 : this.#fail(errno.EINTR)),
        (error: unknown) => this.#fail(errorCode(error)),
      );
    } catch (error) {
      return this.#fail(errorCode(error));
    }
  }

  /**
   * Waits without blocking the thread, so that the thread, and with it the loser of a deadlock, can be ended.
   *
   * @returns false when interrupted
   */
  async #wait(attempt: () => boolean): Promise<boolean> {
    for (let tries = 0; ; tries += 1) {
      const pause = pauses[Math.min(tries, pauses.length - 1)] as number;
      if (!(await this.#waiting.pause(pause))) return false;
      if (attempt()) return true;
    }
  }

  #fcntl(fd: number, code: number, varargs: number): number | Promise<number> {
    const isLock = code === command.getLock || code === command.setLock || code === command.setLockWait;
    const stream = isLock ? this.#stream(fd) : undefined;
    if (stream === undefined) return this.#builtin['builtin_fcntl64']?.(fd, code, varargs) as number;
    try {
      return this.#range(stream, code, varargs);
    } catch (error) {
      return -errorCode(error);
    }
  }

  #range(stream: FsStream, code: number, varargs: number): number | Promise<number> {
    const { memory } = this.#engine();
    const lock = memory.word(varargs);
    const bytes = memory.bytes;
    const kind = bytes.readInt16LE(lock) as LockKind;
    const whence = bytes.readInt16LE(lock + 2);
    const base = whence === 1 ? stream.position : whence === 2 ? fstatSync(stream.nfd as number).size : 0;
    const start = base + Number(bytes.readBigInt64LE(lock + 8));
    const range = { kind, start, length: Number(bytes.readBigInt64LE(lock + 16)) };
    const file = this.#lockFile(stream, kind === lockKind.write);
    if (code === command.getLock) {
      bytes.writeInt16LE(conflictingLock(file.fd, range), lock);
      return 0;
    }
    if (start >= sqliteRange && !file.checked) this.#checkDatabase(file, stream);
    const attempt = (): boolean => tryLockRange(file.fd, range);
    if (attempt()) return 0;
    if (code === command.setLock) return -errno.EAGAIN;
    return this.#wait(attempt).then(
      (isTaken) => (isTaken ? 0 : -errno.EINTR),
      (error: unknown) => -errorCode(error),
    );
  }

  #checkDatabase(file: FileLock, stream: FsStream): void {
    file.checked = true;
    refuseWal(this.#engine());
    const header = Buffer.alloc(20);
    readSync(file.fd, header, 0, header.length, 0);
    const readVersion = header[19];
    if (readVersion !== 2 || header.toString('latin1', 0, 15) !== 'SQLite format 3') return;
    this.#complain(
      `cannot open the SQLite database "${stream.path}": it is in WAL mode, which needs memory shared between ` +
        'processes; run "PRAGMA journal_mode=DELETE" on it with the sqlite3 command, or use the native engine',
    );
  }

  /** A separate open file description for the file of a stream, so that its locks differ from other instances'. */
  #lockFile(stream: FsStream, write: boolean): FileLock {
    const key = fileKey(stream);
    const known = this.#files.get(key);
    if (known !== undefined && (known.writable || !write)) return known;
    const path = lockPath(stream, this.#engine());
    let opened: FileLock;
    try {
      opened = { fd: openSync(path, 'r+'), writable: true, checked: known?.checked ?? false };
    } catch (error) {
      if (write) throw error;
      opened = { fd: openSync(path, 'r'), writable: false, checked: false };
    }
    if (known !== undefined) closeSync(known.fd);
    this.#files.set(key, opened);
    return opened;
  }

  /** Closing the last descriptor of a file releases its locks. */
  #close(fd: number): number {
    const stream = this.#files.size === 0 ? undefined : this.#stream(fd);
    const key = stream === undefined ? '' : fileKey(stream);
    const result = this.#builtin['builtin_fd_close']?.(fd) as number;
    const file = this.#files.get(key);
    if (file === undefined) return result;
    const stillOpen = this.#engine().fs.streams.some(
      (other) => other?.nfd !== undefined && fileKey(other) === key,
    );
    if (!stillOpen) {
      closeSync(file.fd);
      this.#files.delete(key);
    }
    return result;
  }
}

/** The descriptor's own file, even if its name refers to another by now; in a chroot without /proc, the name. */
function lockPath(stream: FsStream, engine: Engine): string {
  const path = `/proc/self/fd/${stream.nfd}`;
  return existsSync(path) ? path : engine.fs.filesystems.NODEFS.realPath(stream.node);
}

function fileKey(stream: FsStream): string {
  const { dev, ino } = fstatSync(stream.nfd as number);
  return `${dev}:${ino}`;
}

function errorCode(error: unknown): number {
  const code = error instanceof PosixError ? error.code : (error as NodeJS.ErrnoException).code;
  if (code === 'EBADF') return errno.EBADF;
  return code === 'EINVAL' ? errno.EINVAL : errno.ENOLCK;
}
