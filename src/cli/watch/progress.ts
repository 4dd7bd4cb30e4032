/** Progress of a long command: one line that is overwritten on a terminal, nothing on a pipe. */

import { terminalText } from '../../text/terminal.ts';

/** Minimum interval of updates in milliseconds: faster ones cost more than they show. */
const pace = 100;

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export class Progress implements Disposable {
  readonly #out: Terminal;
  readonly #shows: boolean;
  readonly #now: () => number;
  #lastAt = Number.NEGATIVE_INFINITY;
  #isShown = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param out the stream of errors, so that the command's output can be piped
   * @param env TERM=dumb cannot return to the start of a line
   */
  constructor(out: Terminal, env: NodeJS.ProcessEnv, now: () => number = () => performance.now()) {
    this.#out = out;
    this.#shows = out.isTTY === true && env['TERM'] !== 'dumb';
    this.#now = now;
  }

  /** Shows a step in place of the previous one; fast steps are skipped. */
  readonly step = (text: string): void => {
    if (!this.#shows || this.#now() - this.#lastAt < pace) return;
    this.#lastAt = this.#now();
    this.#isShown = true;
    this.#out.write(`\r\x1b[K${terminalText(text).slice(0, (this.#out.columns ?? 80) - 1)}`);
  };

  /**
   * Shows a step repeatedly, until the line is cleared.
   *
   * @param wait milliseconds
   * @param text of the elapsed milliseconds
   */
  every(wait: number, text: (passed: number) => string): void {
    const start = this.#now();
    const show = (): void => this.step(text(this.#now() - start));
    show();
    // The command may end while it runs.
    if (this.#shows) this.#timer = setInterval(show, wait).unref();
  }

  /** Clears the line before other output. */
  clear(): void {
    clearInterval(this.#timer);
    if (this.#isShown) this.#out.write('\r\x1b[K');
    this.#isShown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
