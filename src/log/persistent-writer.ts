/** A log file whose failures (a full disk, a closed reader) are temporary and never harm the program. */
import { LineWriter } from './file.ts';

export interface FailureHooks {
  /** Called for the first failure after a success. */
  readonly onFailure: (error: unknown) => void;
  /** The line in the log that stands for lost lines, with its newline. */
  readonly lossReport: (lines: number, error: unknown) => Uint8Array;
}

/** Writes lines, tries again with every further line after a failure, and reports how many were lost. */
export class PersistentWriter {
  readonly #writer: LineWriter;
  readonly #hooks: FailureHooks;
  #lost = 0;
  #failure: unknown;

  constructor(fd: number, hooks: FailureHooks) {
    this.#writer = new LineWriter(fd);
    this.#hooks = hooks;
  }

  /** The error of the last write; undefined while writes succeed. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Never throws. `lines` is the number of lines in the bytes. */
  write(bytes: Uint8Array, lines: number): void {
    try {
      if (this.#lost > 0) {
        this.#writer.write(this.#hooks.lossReport(this.#lost, this.#failure));
        this.#lost = 0;
      }
      this.#writer.write(bytes);
      this.#failure = undefined;
    } catch (error) {
      this.#lost += lines;
      if (this.#failure === undefined) this.#hooks.onFailure(error);
      this.#failure = error;
    }
  }
}
