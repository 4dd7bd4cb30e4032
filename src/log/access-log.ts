/** The access log of one pool: lines of one turn of the loop go out in one write(2). */
import { closeSync } from 'node:fs';
import type { AccessFormat, AccessValues } from './access-format.ts';
import { LineWriter } from './file.ts';

export interface AccessLogOptions {
  /** Append-mode descriptor; the log owns it and closes it. */
  readonly fd: number;
  readonly format: AccessFormat;
  /** Values of `access.suppress_path[]`. */
  readonly suppressPaths?: Iterable<string>;
  /** Longest line in bytes, newline included. The reference cuts at 1024; since 8.5 `log_limit` rules. 0: none. */
  readonly limit?: number;
  /** Told about lines that were cut, and about lines that were lost because a write failed. */
  readonly onTrouble?: (trouble: AccessLogTrouble) => void;
}

export type AccessLogTrouble =
  | { readonly kind: 'cut'; readonly text: string }
  | { readonly kind: 'write'; readonly error: unknown; readonly lines: number };

const defaultLimit = 1024;
const newline = Buffer.from('\n');

/**
 * Whether PHP-FPM leaves a request out of the log: exactly a listed path, GET or HEAD, no query, no body, and a
 * status in 200-299 (fpm-behaviour 11.6).
 */
export function isSuppressed(values: AccessValues, paths: ReadonlySet<string>): boolean {
  return (
    paths.has(values.uri) &&
    (values.method === 'GET' || values.method === 'HEAD') &&
    values.query === '' &&
    values.contentLength === 0 &&
    values.status >= 200 &&
    values.status < 300
  );
}

export class AccessLog {
  #fd: number;
  #writer: LineWriter;
  readonly #format: AccessFormat;
  readonly #suppressed: ReadonlySet<string>;
  readonly #limit: number;
  readonly #onTrouble: (trouble: AccessLogTrouble) => void;
  #pending: Buffer[] = [];
  #failing = false;
  #closed = false;

  constructor(options: AccessLogOptions) {
    this.#fd = options.fd;
    this.#writer = new LineWriter(options.fd);
    this.#format = options.format;
    this.#suppressed = new Set(options.suppressPaths);
    this.#limit = options.limit ?? defaultLimit;
    this.#onTrouble = options.onTrouble ?? (() => {});
  }

  /**
   * Adds the line of a request, unless its path is suppressed or there is nothing in it. It is written when this turn
   * of the loop ends.
   */
  add(values: AccessValues): void {
    if (this.#closed || isSuppressed(values, this.#suppressed)) return;
    const line = this.#format.render(values);
    if (line.length === 0) return;
    if (this.#pending.length === 0) setImmediate(() => this.flush());
    this.#pending.push(this.#cut(line), newline);
  }

  /** Writes what waits. Lines that cannot be written are lost and reported once, until a write succeeds again. */
  flush(): void {
    if (this.#pending.length === 0) return;
    const batch = this.#pending;
    this.#pending = [];
    try {
      this.#writer.write(Buffer.concat(batch));
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#onTrouble({ kind: 'write', error, lines: batch.length / 2 });
      this.#failing = true;
    }
  }

  /** Goes on with another descriptor, after what waits was written to the old one, which is closed. */
  reopen(fd: number): void {
    this.flush();
    closeSync(this.#fd);
    this.#fd = fd;
    this.#writer = new LineWriter(fd);
  }

  /** Writes what waits and closes the descriptor. May be called again. */
  close(): void {
    if (this.#closed) return;
    this.flush();
    this.#closed = true;
    closeSync(this.#fd);
  }

  #cut(line: Buffer): Buffer {
    if (line.length < this.#limit || this.#limit === 0) return line;
    this.#onTrouble({
      kind: 'cut',
      text: `the log buffer is full (${this.#limit}). The access log request has been truncated.`,
    });
    return line.subarray(0, this.#limit - 1);
  }
}
