/** What a long command does now: one line of a terminal that is written over, and nothing on a pipe. */

import type { Writable } from 'node:stream';
import { terminalText } from '../text/terminal.ts';

/** Writing more often than that costs more than it tells, milliseconds. */
const pace = 100;

type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export class Progress implements Disposable {
  readonly #out: Terminal;
  readonly #shows: boolean;
  readonly #now: () => number;
  #lastAt = Number.NEGATIVE_INFINITY;
  #isShown = false;

  /**
   * @param out where errors go, so that what the command prints can be piped on
   * @param env TERM=dumb has no way back to the start of a line
   */
  constructor(out: Terminal, env: NodeJS.ProcessEnv, now: () => number = () => performance.now()) {
    this.#out = out;
    this.#shows = out.isTTY === true && env['TERM'] !== 'dumb';
    this.#now = now;
  }

  /** Shows a step in place of the one before; some are left out when they come fast. */
  readonly step = (text: string): void => {
    if (!this.#shows || this.#now() - this.#lastAt < pace) return;
    this.#lastAt = this.#now();
    this.#isShown = true;
    this.#out.write(`\r\x1b[K${terminalText(text).slice(0, (this.#out.columns ?? 80) - 1)}`);
  };

  /** Takes the line away: before anything else is written. */
  clear(): void {
    if (this.#isShown) this.#out.write('\r\x1b[K');
    this.#isShown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}
