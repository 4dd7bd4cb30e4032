import { Buffer } from 'node:buffer';
import { errorCode, FastCgiError } from './errors.ts';

/** The header block of a CGI response (RFC 3875, section 6). */
export interface CgiHead {
  /** 200 when the script set none; 302 when it set only a Location (section 6.2.4, as web servers read it). */
  readonly status: number;
  /** Text after the status code, or empty. */
  readonly reason: string;
  /** Without Status; in order, duplicates kept; names as written, values as binary strings. */
  readonly headers: readonly (readonly [name: string, value: string])[];
}

/** Header blocks of real applications stay below 16 KiB; the limits of web servers are lower than this one. */
export const defaultHeadLimit = 64 * 1024;

const lineFeed = 0x0a;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/s;
const statusValue = /^([1-9][0-9]{2})(?: +(.*))?$/s;
/** PHP's first line with cgi.rfc2616_headers = 1. */
const statusLine = /^HTTP\/[0-9.]+ +(.*)$/s;

/** Splits STDOUT, which arrives in pieces, into header block and body. */
export class CgiResponseParser {
  readonly #limit: number;
  #buffer = Buffer.alloc(0);
  #filled = 0;
  #lineStart = 0;
  #scanned = 0;
  #status: { code: number; reason: string } | undefined;
  #headers: [string, string][] = [];
  #complete = false;

  /** @param limit maximum bytes of the header block, including its empty line. */
  constructor(limit = defaultHeadLimit) {
    this.#limit = limit;
  }

  /**
   * @returns the head, once, with the piece that completes it; and the part of the piece that belongs to the body.
   * @throws FastCgiError `bad-cgi-head` or `cgi-head-too-large`.
   */
  push(bytes: Uint8Array): { head: CgiHead | undefined; body: Uint8Array } {
    if (this.#complete) return { head: undefined, body: bytes };
    const taken = Math.min(bytes.length, this.#limit - this.#filled);
    const before = this.#filled;
    this.#append(bytes.subarray(0, taken));
    const end = this.#scan();
    if (end === undefined) {
      if (this.#filled === this.#limit) throw headTooLarge(this.#limit);
      return { head: undefined, body: new Uint8Array(0) };
    }
    this.#complete = true;
    this.#buffer = Buffer.alloc(0);
    return { head: this.#head(), body: bytes.subarray(end - before) };
  }

  /** @throws FastCgiError `bad-cgi-head` when the response ended inside its header block. */
  finish(): void {
    if (this.#complete) return;
    throw new FastCgiError(
      errorCode.badCgiHead,
      `Cannot read the response: it ended after ${this.#filled} bytes, before the empty line that ends its header`,
    );
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#filled + bytes.length;
    if (needed > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(
        Math.min(this.#limit, Math.max(needed, this.#buffer.length * 2, 1024)),
      );
      this.#buffer.copy(larger, 0, 0, this.#filled);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled = needed;
  }

  /** Consumes complete lines. @returns the offset after the empty line, or undefined before it arrives. */
  #scan(): number | undefined {
    for (;;) {
      const lineEnd = this.#buffer.subarray(0, this.#filled).indexOf(lineFeed, this.#scanned);
      if (lineEnd === -1) {
        this.#scanned = this.#filled;
        return undefined;
      }
      const line = this.#buffer.toString('latin1', this.#lineStart, lineEnd).replace(/\r$/, '');
      this.#lineStart = lineEnd + 1;
      this.#scanned = lineEnd + 1;
      if (line === '') return lineEnd + 1;
      this.#takeLine(line);
    }
  }

  #takeLine(line: string): void {
    const first = this.#headers.length === 0 && this.#status === undefined;
    const http = first ? statusLine.exec(line) : null;
    if (http !== null) {
      this.#takeStatus(http[1]!);
      return;
    }
    const field = fieldLine.exec(line);
    if (field === null) {
      throw new FastCgiError(
        errorCode.badCgiHead,
        `Cannot read the response: "${excerpt(line)}" is no header field`,
      );
    }
    if (field[1]!.toLowerCase() === 'status') this.#takeStatus(field[2]!);
    else this.#headers.push([field[1]!, field[2]!]);
  }

  #takeStatus(text: string): void {
    const match = statusValue.exec(text);
    if (match === null) {
      const hint = 'must be three digits and a text';
      throw new FastCgiError(
        errorCode.badCgiHead,
        `Cannot read the response: status is "${excerpt(text)}", ${hint}`,
      );
    }
    this.#status = { code: Number(match[1]), reason: match[2] ?? '' };
  }

  #head(): CgiHead {
    const redirects = this.#headers.some(([name]) => name.toLowerCase() === 'location');
    const { code, reason } =
      this.#status ?? (redirects ? { code: 302, reason: 'Found' } : { code: 200, reason: 'OK' });
    return { status: code, reason, headers: this.#headers };
  }
}

function headTooLarge(limit: number): FastCgiError {
  return new FastCgiError(
    errorCode.cgiHeadTooLarge,
    `Cannot read the response: its header is longer than the allowed ${limit} bytes`,
  );
}

function excerpt(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
