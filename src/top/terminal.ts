/** A terminal in full-screen mode: taken over, drawn on, and restored however the program ends. */

import type { ReadStream, WriteStream } from 'node:tty';
import { KeyReader } from './keys.ts';

/** Alternate screen, hidden cursor, no wrapping at the right edge; and back. */
const takeOver = '\x1b[?1049h\x1b[?25l\x1b[?7l';
const giveBack = '\x1b[?7h\x1b[?25h\x1b[?1049l';

export interface TerminalEvents {
  readonly onKey: (key: string) => void;
  readonly onResize: () => void;
  /** The terminal has closed or a signal arrived; `code` is the matching exit code. */
  readonly onEnd: (code: number) => void;
}

/** Terminating signals with their numbers. */
const endings = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1, SIGQUIT: 3 } as const;

export class Terminal {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #events: TerminalEvents;
  readonly #keys = new KeyReader();
  readonly #undo: (() => void)[] = [];
  #isOpen = false;
  #drawn = '';

  constructor(input: ReadStream, output: WriteStream, events: TerminalEvents) {
    this.#input = input;
    this.#output = output;
    this.#events = events;
  }

  get width(): number {
    return this.#output.columns;
  }

  get height(): number {
    return this.#output.rows;
  }

  open(): void {
    this.#listen(this.#input, 'data', (bytes: Buffer) => {
      for (const key of this.#keys.read(bytes)) this.#events.onKey(key);
    });
    for (const stream of [this.#input, this.#output])
      this.#listen(stream, 'error', () => this.#events.onEnd(1));
    this.#listen(this.#input, 'end', () => this.#events.onEnd(1));
    this.#listen(this.#output, 'resize', () => {
      this.#drawn = '';
      this.#events.onResize();
    });
    for (const [signal, number] of Object.entries(endings)) {
      this.#listen(process, signal, () => this.#events.onEnd(128 + number));
    }
    this.#listen(process, 'SIGCONT', () => {
      this.#take();
      this.#events.onResize();
    });
    // Output of a crash belongs on the normal screen; terminal writes are synchronous.
    this.#listen(process, 'uncaughtExceptionMonitor', () => this.#give());
    this.#listen(process, 'exit', () => this.#give());
    this.#take();
    this.#input.resume();
  }

  /** Restores the terminal; idempotent. */
  close(): void {
    this.#give();
    for (const undo of this.#undo.splice(0)) undo();
    this.#input.pause();
  }

  /** Stops the process, as Ctrl-Z does; it continues on SIGCONT. */
  suspend(): void {
    this.#give();
    // The whole job: otherwise the shell, which waits for the launcher, would not notice.
    process.kill(0, 'SIGTSTP');
  }

  /** Shows these rows, one for each of the screen; sends nothing if nothing has changed. */
  draw(rows: readonly string[]): void {
    // A row is cleared before it is written: after a full row the cursor is still on the last column.
    const frame = `\x1b[H${rows.map((row) => `\x1b[K${row}`).join('\r\n')}`;
    if (!this.#isOpen || frame === this.#drawn) return;
    this.#drawn = frame;
    this.#output.write(frame);
  }

  /** Forces the next frame to be sent. */
  forget(): void {
    this.#drawn = '';
  }

  #take(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#drawn = '';
    this.#input.setRawMode(true);
    this.#output.write(takeOver);
  }

  #give(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#output.write(giveBack);
      this.#input.setRawMode(false);
    } catch {
      // A closed terminal needs no restoring.
    }
  }

  #listen<Arguments extends unknown[]>(
    emitter: NodeJS.EventEmitter,
    event: string,
    listener: (...args: Arguments) => void,
  ): void {
    emitter.on(event, listener as (...args: unknown[]) => void);
    this.#undo.push(() => emitter.off(event, listener as (...args: unknown[]) => void));
  }
}
