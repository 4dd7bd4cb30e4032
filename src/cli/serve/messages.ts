/**
 * What PHP says, once. The native engine gives a message to the web server, as FastCGI stderr, and to the worker's own
 * stderr, as PHP-FPM does; `hathi serve` is the reader of both, and neither has everything: a script's own output is
 * in the latter alone, and what the level of the log leaves out in the former.
 */

/** Where a line came from. */
export type MessageSource = 'fastcgi' | 'worker';

/** Messages whose twin has not come yet; one that has none, such as a script's own output, must not stay for ever. */
const mostKept = 1000;

/** The engine joins the messages of a request with it (as PHP-FPM does). */
const joint = /; (?=PHP message: )/;
/** Stands before a message in the worker's stderr alone. */
const level = /^[A-Z]+: /;

/** The messages of a piece of FastCGI's stderr, each with its lines. */
export function messagesOf(text: string): string[] {
  return text.split(joint);
}

export class MessageTwins {
  /** How often a line has come from one side more than from the other: over 0 from FastCGI, below 0 from the worker. */
  readonly #ahead = new Map<string, number>();

  /** Takes note of a line. @returns false when it is the other half of one that has come */
  isNew(line: string, source: MessageSource): boolean {
    const key = line.replace(level, '');
    const before = this.#ahead.get(key) ?? 0;
    const after = before + (source === 'fastcgi' ? 1 : -1);
    // Put at the end again: what waits longest goes first.
    this.#ahead.delete(key);
    if (after !== 0) this.#ahead.set(key, after);
    if (this.#ahead.size > mostKept) this.#ahead.delete(this.#ahead.keys().next().value ?? '');
    return Math.abs(after) > Math.abs(before);
  }
}
