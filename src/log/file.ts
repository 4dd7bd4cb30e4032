/** Whole lines written to a log file. */
import { fstatSync, writeSync } from 'node:fs';
import { isWritable } from '../posix/descriptors.ts';
import { errorNumber } from '../posix/libc.ts';

/** How long one line of a server may wait for a reader of a pipe or socket that is full. */
const serverPatienceMs = 100;

/** Writes whole lines to a descriptor, and remembers enough to keep lines whole after a failure. */
export class LineWriter {
  readonly #fd: number;
  readonly #mayBlock: boolean;
  readonly #patienceMs: number;
  #torn = false;
  #stuck = false;

  /** @param patienceMs how long a reader that does not read is waited for, until he has failed once */
  constructor(fd: number, patienceMs: number = serverPatienceMs) {
    this.#fd = fd;
    this.#patienceMs = patienceMs;
    this.#mayBlock = !fstatSync(fd).isFile();
  }

  /**
   * Writes lines (each with its newline), synchronously and in one write(2) where the system takes them. A pipe or
   * socket whose reader does not read is waited for once, and from then on not at all.
   *
   * @throws the error of write(2); EAGAIN when the reader does not read.
   */
  write(lines: Uint8Array): void {
    let rest = this.#torn ? Buffer.concat([Buffer.from('\n'), lines]) : lines;
    while (rest.length > 0) {
      this.#waitForRoom();
      // Room was reported for PIPE_BUF bytes (4096 on Linux) and no more: a longer write could block.
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

/** Text for people of anything that a write threw: `No space left on device (28)`. */
export function failureText(error: unknown): string {
  const failure = errorNumber(error);
  if (failure !== undefined) return `${failure.strerror} (${failure.errno})`;
  return error instanceof Error ? error.message : String(error);
}
