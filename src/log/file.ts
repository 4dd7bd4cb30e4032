/** Writes whole lines to a log file. */
import { fstatSync, writeSync } from 'node:fs';
import { isWritable } from '../posix/descriptors.ts';
import { errorNumber } from '../posix/libc.ts';

/** Longest wait of a server for a full pipe or socket, per line. */
const serverPatienceMs = 100;

/** Writes whole lines to a descriptor and keeps lines whole after a failed write. */
export class LineWriter {
  readonly #fd: number;
  readonly #mayBlock: boolean;
  readonly #patienceMs: number;
  #torn = false;
  #stuck = false;

  /** @param patienceMs longest wait for a stalled reader, until its first failure */
  constructor(fd: number, patienceMs: number = serverPatienceMs) {
    this.#fd = fd;
    this.#patienceMs = patienceMs;
    this.#mayBlock = !fstatSync(fd).isFile();
  }

  /**
   * Writes lines (each with its newline) synchronously, in one write(2) if possible. Waits once for a pipe or socket
   * whose reader stalls, and after that never again.
   *
   * @throws the error of write(2); EAGAIN when the reader stalls.
   */
  write(lines: Uint8Array): void {
    let rest = this.#torn ? Buffer.concat([Buffer.from('\n'), lines]) : lines;
    while (rest.length > 0) {
      this.#waitForRoom();
      // poll(2) guarantees room for PIPE_BUF bytes (4096 on Linux); a longer write could block.
      const part = this.#mayBlock ? rest.subarray(0, 4096) : rest;
      const written = this.#attempt(part);
      if (written === 0) continue;
      rest = rest.subarray(written);
      this.#torn = rest.length > 0;
    }
    this.#stuck = false;
  }

  #attempt(part: Uint8Array): number {
    try {
      return writeSync(this.#fd, part);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EINTR') return 0;
      if (code === 'EAGAIN' && !this.#stuck && isWritable(this.#fd, this.#patienceMs)) return 0;
      throw error;
    }
  }

  #waitForRoom(): void {
    if (!this.#mayBlock) return;
    if (isWritable(this.#fd, this.#stuck ? 0 : this.#patienceMs)) return;
    this.#stuck = true;
    throw Object.assign(new Error('cannot write: the reader does not read'), { code: 'EAGAIN', errno: -11 });
  }
}

/** Text of any error of a write: `No space left on device (28)`. */
export function failureText(error: unknown): string {
  const failure = errorNumber(error);
  if (failure !== undefined) return `${failure.strerror} (${failure.errno})`;
  return error instanceof Error ? error.message : String(error);
}
