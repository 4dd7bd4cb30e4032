/** The child processes of an instance: their end, and the data between their streams and PHP's pipes. */

import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { Pipe } from './pipes.ts';

/** Exit code of a command that could not start, as in a shell. */
const notStarted = 127;

/** The end of a child: by an exit code, or by a signal. */
export interface Ending {
  readonly code: number;
  /** 0 without one. */
  readonly signal: number;
}

/** Options for starting a child. */
export interface ChildOptions {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  /** By descriptor; `pipe` for those used by {@link Child.feed} and {@link Child.drain}. */
  readonly stdio: StdioOptions;
}

export class Child {
  readonly #process: ChildProcess;
  /** Undefined while it runs. */
  ending: Ending | undefined;
  readonly ended: Promise<Ending>;

  /** @param words program and arguments. */
  constructor([program = '', ...args]: readonly string[], options: ChildOptions) {
    const child = spawn(program, args, options);
    this.#process = child;
    const { promise, resolve } = Promise.withResolvers<Ending>();
    const end = (code: number, signal: number): void => {
      this.ending = { code, signal };
      resolve(this.ending);
    };
    child.on('exit', (code, signal) => end(code ?? 0, signal === null ? 0 : constants.signals[signal]));
    child.on('error', () => {
      // 'error' is also emitted when a signal could not be sent.
      if (child.pid === undefined) end(notStarted, 0);
    });
    this.ended = promise;
  }

  /** Undefined when it could not start. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** @returns false when the process has ended or the signal is unknown */
  kill(signal: number): boolean {
    try {
      return this.#process.kill(signal);
    } catch {
      return false;
    }
  }

  /** Feeds a descriptor of the child from the pipe. */
  feed(fd: number, pipe: Pipe): void {
    const target = this.#process.stdio[fd] as Writable | null | undefined;
    if (target === null || target === undefined) return;
    pipe.readers += 1;
    let isWriting = false;
    const next = (): void => {
      if (isWriting || target.destroyed) return;
      // Taking a piece triggers a change, which calls this function again.
      isWriting = true;
      const piece = pipe.take();
      if (piece === undefined) {
        isWriting = false;
        if (pipe.isAtEnd) target.end();
        return;
      }
      target.write(piece, () => {
        isWriting = false;
        next();
      });
    };
    const stop = pipe.watch(next);
    // The command does not read its input: further writes of PHP fail, as for any broken pipe.
    target.on('error', () => {});
    target.on('close', () => {
      stop();
      pipe.closeReader();
    });
    this.#process.on('exit', () => target.destroy());
    next();
  }

  /** Copies output of the child to the pipe. */
  drain(fd: number, pipe: Pipe): void {
    const source = this.#process.stdio[fd] as Readable | null | undefined;
    if (source === null || source === undefined) return;
    pipe.writers += 1;
    const look = (): void => {
      if (pipe.readers === 0) source.destroy();
      else if (pipe.isFull) source.pause();
      else if (source.isPaused()) source.resume();
    };
    const stop = pipe.watch(look);
    source.on('data', (piece: Uint8Array) => pipe.write(piece));
    source.on('error', () => {});
    source.on('close', () => {
      stop();
      pipe.closeWriter();
    });
    look();
  }

  /** Passes output of the child to a function. */
  listen(fd: number, take: (piece: Uint8Array<ArrayBuffer>) => void): void {
    const source = this.#process.stdio[fd] as Readable | null | undefined;
    source?.on('data', (piece: Uint8Array) => take(new Uint8Array(piece)));
    source?.on('error', () => {});
  }

  /** Resolves when no process holds the child's output any more. */
  closed(): Promise<void> {
    return new Promise((resolve) => {
      this.#process.on('close', () => resolve());
      this.#process.on('error', () => resolve());
    });
  }
}
