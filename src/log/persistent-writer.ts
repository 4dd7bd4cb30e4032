/** A log file that may fail for a time (a full disk, a reader that went away) without harm to the program. */
import { LineWriter } from './file.ts';

export interface FailureHooks {
  /** The first failure after a time in which all went well. */
  readonly onFailure: (error: unknown) => void;
  /** The line that stands in the log for those that are missing, with its newline. */
  readonly lossReport: (lines: number, error: unknown) => Uint8Array;
}

/** Writes lines, tries again with every further line after a failure, and says how many are missing. */
export class PersistentWriter {
  readonly #writer: LineWriter;
  readonly #hooks: FailureHooks;
  #lost = 0;
  #failure: unknown;

  constructor(fd: number, hooks: FailureHooks) {
    this.#writer = new LineWriter(fd);
    this.#hooks = hooks;
  }

  /** What the last write threw, undefined while all goes well. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Never throws. `lines` is how many lines the bytes are. */
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
