/**
 * Removes duplicates from PHP's messages. The native engine sends a message to the web server, as FastCGI stderr, and
 * to the worker's own stderr, as PHP-FPM does; `hathi serve` reads both, and neither is complete: a script's own output
 * is only in the second, and messages below the log level are only in the first.
 */

/** Source of a line. */
export type MessageSource = 'fastcgi' | 'worker';

/** Limit for messages that wait for their twin; some never have one, such as a script's own output. */
const mostKept = 1000;

/** The engine joins the messages of a request with this (as PHP-FPM does). */
const joint = /; (?=PHP message: )/;
/** Prefix of a message in the worker's stderr only. */
const level = /^[A-Z]+: /;

/** Splits a piece of FastCGI's stderr into messages, each with its lines. */
export function messagesOf(text: string): string[] {
  return text.split(joint);
}

export class MessageTwins {
  /** How often a line came from one side more than from the other: positive for FastCGI, negative for the worker. */
  readonly #ahead = new Map<string, number>();

  /** Records a line. @returns false for the twin of an earlier one */
  isNew(line: string, source: MessageSource): boolean {
    const key = line.replace(level, '');
    const before = this.#ahead.get(key) ?? 0;
    const after = before + (source === 'fastcgi' ? 1 : -1);
    // Moved to the end: the oldest entry is dropped first.
    this.#ahead.delete(key);
    if (after !== 0) this.#ahead.set(key, after);
    if (this.#ahead.size > mostKept) this.#ahead.delete(this.#ahead.keys().next().value ?? '');
    return Math.abs(after) > Math.abs(before);
  }
}
