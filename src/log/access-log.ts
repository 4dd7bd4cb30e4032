/** The access log of one pool: all lines of one turn of the event loop leave in one write(2). */
import { closeSync } from 'node:fs';
import type { AccessFormat, AccessValues } from './access-format.ts';
import { LineWriter } from './file.ts';

export interface AccessLogOptions {
  /** Append-mode descriptor, owned and closed by the log. */
  readonly fd: number;
  readonly format: AccessFormat;
  /** Values of `access.suppress_path[]`. */
  readonly suppressPaths?: Iterable<string>;
  /** Longest line in bytes, including its newline. php-fpm cuts at 1024; since 8.5 `log_limit` applies. 0: no limit. */
  readonly limit?: number;
  /** Called for lines that were cut, and for lines lost by a failed write. */
  readonly onTrouble?: (trouble: AccessLogTrouble) => void;
}

export type AccessLogTrouble =
  | { readonly kind: 'cut'; readonly text: string }
  | { readonly kind: 'write'; readonly error: unknown; readonly lines: number };

const defaultLimit = 1024;
const newline = Buffer.from('\n');

/**
 * Whether PHP-FPM omits a request from the log: exactly a listed path, GET or HEAD, no query, no body, and a status of
 * 200-299 (fpm-behaviour 11.6).
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
   * Adds the line of a request, unless its path is suppressed or the line is empty. Written at the end of this turn of
   * the event loop.
   */
  add(values: AccessValues): void {
    if (this.#closed || isSuppressed(values, this.#suppressed)) return;
    const line = this.#format.render(values);
    if (line.length === 0) return;
    if (this.#pending.length === 0) setImmediate(() => this.flush());
    this.#pending.push(this.#cut(line), newline);
  }

  /**
   * Writes pending lines. Lines that cannot be written are lost; the loss is reported once, until a write succeeds
   * again.
   */
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

  /** Writes pending lines to the old descriptor, closes it and continues with the new one. */
  reopen(fd: number): void {
    this.flush();
    closeSync(this.#fd);
    this.#fd = fd;
    this.#writer = new LineWriter(fd);
  }

  /** Writes pending lines and closes the descriptor. Idempotent. */
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
