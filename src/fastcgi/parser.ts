import { errorCode, FastCgiError } from './errors.ts';
import { headerBytes, protocolVersion, type RecordHeader } from './records.ts';

export type RecordEvent =
  | { readonly kind: 'header'; readonly header: RecordHeader }
  /** A piece of the record's content, a view of the input. */
  | { readonly kind: 'content'; readonly bytes: Uint8Array }
  /** The record is complete, padding included. */
  | { readonly kind: 'end' }
  /** The input is not FastCGI; the parser returns nothing more. */
  | { readonly kind: 'error'; readonly error: FastCgiError };

const parserState = {
  /** Collects the 8 bytes of a header; between records, zero of them. */
  header: 0,
  content: 1,
  padding: 2,
  /** The record is complete and its end must be reported. */
  end: 3,
  failed: 4,
} as const;

const endEvent: RecordEvent = { kind: 'end' };

/**
 * Splits input of any chunking into record events. The caller pulls: nothing is parsed ahead, so it can stop in the
 * middle of a chunk. Content is never copied or collected; the parser keeps only an incomplete header and the rest of
 * the last chunk. So no record can make it grow; limits belong to the collector of the content (a header announces the
 * length in advance).
 */
export class RecordParser {
  #state: (typeof parserState)[keyof typeof parserState] = parserState.header;
  #input: Uint8Array = new Uint8Array(0);
  #offset = 0;
  readonly #header = new Uint8Array(headerBytes);
  #headerFilled = 0;
  #contentLeft = 0;
  #paddingLeft = 0;
  #error: FastCgiError | undefined;

  /** Adds input. The caller must leave the bytes unchanged until next() has returned undefined. */
  feed(bytes: Uint8Array): void {
    if (this.#offset === this.#input.length) {
      this.#input = bytes;
    } else {
      const rest = this.#input.length - this.#offset;
      const joined = new Uint8Array(rest + bytes.length);
      joined.set(this.#input.subarray(this.#offset));
      joined.set(bytes, rest);
      this.#input = joined;
    }
    this.#offset = 0;
  }

  /** True between two records, with no input left. */
  get atBoundary(): boolean {
    return (
      this.#state === parserState.header && this.#headerFilled === 0 && this.#offset === this.#input.length
    );
  }

  /** True between two records, with or without more input. */
  get betweenRecords(): boolean {
    return this.#state === parserState.header && this.#headerFilled === 0;
  }

  /** @returns the next event, or undefined when more input is needed. */
  next(): RecordEvent | undefined {
    for (;;) {
      switch (this.#state) {
        case parserState.header:
          if (!this.#fillHeader()) return undefined;
          return this.#takeHeader();
        case parserState.content: {
          const bytes = this.#take(this.#contentLeft);
          if (bytes === undefined) return undefined;
          this.#contentLeft -= bytes.length;
          this.#advance();
          return { kind: 'content', bytes };
        }
        case parserState.padding: {
          const bytes = this.#take(this.#paddingLeft);
          if (bytes === undefined) return undefined;
          this.#paddingLeft -= bytes.length;
          this.#advance();
          break;
        }
        case parserState.end:
          this.#state = parserState.header;
          return endEvent;
        case parserState.failed:
          return { kind: 'error', error: this.#error! };
        default:
          throw new Error(`Cannot parse a record: unknown state "${String(this.#state)}"`);
      }
    }
  }

  #fillHeader(): boolean {
    while (this.#headerFilled < headerBytes && this.#offset < this.#input.length) {
      this.#header[this.#headerFilled++] = this.#input[this.#offset++]!;
      // The first byte is enough: a peer of another protocol may never send eight.
      if (this.#headerFilled === 1 && this.#header[0] !== protocolVersion) return true;
    }
    return this.#headerFilled === headerBytes;
  }

  #takeHeader(): RecordEvent {
    const bytes = this.#header;
    if (bytes[0] !== protocolVersion) return this.#fail(versionError(bytes[0]!));
    this.#headerFilled = 0;
    const header: RecordHeader = {
      type: bytes[1]!,
      id: (bytes[2]! << 8) | bytes[3]!,
      contentLength: (bytes[4]! << 8) | bytes[5]!,
      paddingLength: bytes[6]!,
    };
    this.#contentLeft = header.contentLength;
    this.#paddingLeft = header.paddingLength;
    this.#advance();
    return { kind: 'header', header };
  }

  #take(most: number): Uint8Array | undefined {
    const available = Math.min(most, this.#input.length - this.#offset);
    if (available === 0) return undefined;
    const bytes = this.#input.subarray(this.#offset, this.#offset + available);
    this.#offset += available;
    return bytes;
  }

  #advance(): void {
    if (this.#contentLeft > 0) this.#state = parserState.content;
    else if (this.#paddingLeft > 0) this.#state = parserState.padding;
    else this.#state = parserState.end;
  }

  #fail(error: FastCgiError): RecordEvent {
    this.#state = parserState.failed;
    this.#error = error;
    return { kind: 'error', error };
  }
}

/**
 * Only version 1 exists. PHP-FPM accepts every version except 0; we refuse the others, because this byte is the only
 * way to detect another protocol or a stream that is out of step.
 */
function versionError(version: number): FastCgiError {
  const hint =
    version >= 0x41 && version <= 0x5a
      ? `; it is the letter "${String.fromCharCode(version)}": an HTTP client needs a web server in front`
      : version === 0x16
        ? '; it looks like TLS, FastCGI has none'
        : '';
  return new FastCgiError(
    errorCode.badVersion,
    `Cannot read a FastCGI record: version byte is "${version}", must be "1"${hint}`,
  );
}
