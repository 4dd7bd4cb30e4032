import { Buffer } from 'node:buffer';
import { errorCode, FastCgiError } from './errors.ts';

/**
 * Name-value pairs (FastCGI Specification 1.0, section 3.4): the length of the name, the length of the value, the
 * name, the value. A length of 0 … 127 is one byte; any other is four, big-endian, with the highest bit set:
 *
 *   0nnnnnnn                              or    1nnnnnnn nnnnnnnn nnnnnnnn nnnnnnnn
 *
 * Names and values are binary strings: one character a byte.
 */
export type Pair = readonly [name: string, value: string];

const longestShortLength = 0x7f;

export interface PairLimits {
  /** Bytes of the whole stream, length bytes included. */
  readonly bytes: number;
  readonly count: number;
}

const pairState = { lengths: 0, data: 1 } as const;

/**
 * Decodes a stream of pairs that arrives in pieces of any size: a pair may cross a record boundary. The lengths of a
 * pair are checked against the limit before any of it is buffered.
 */
export class PairsDecoder {
  readonly pairs: Pair[] = [];
  readonly #limits: PairLimits;
  #state: (typeof pairState)[keyof typeof pairState] = pairState.lengths;
  #lengths = new Uint8Array(8);
  #lengthsFilled = 0;
  #nameLength = 0;
  #valueLength = 0;
  /** Name and value of a pair that arrives in several pieces. */
  #partial: Buffer | undefined;
  #partialFilled = 0;
  #consumed = 0;

  constructor(limits: PairLimits) {
    this.#limits = limits;
  }

  /** @returns the error that ends the stream, or undefined. Does not keep `bytes`. */
  push(bytes: Uint8Array): FastCgiError | undefined {
    const input = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let offset = 0;
    for (;;) {
      switch (this.#state) {
        case pairState.lengths: {
          while (offset < input.length && !this.#lengthsComplete()) {
            this.#lengths[this.#lengthsFilled++] = input[offset++]!;
          }
          if (!this.#lengthsComplete()) return undefined;
          const error = this.#takeLengths();
          if (error !== undefined) return error;
          break;
        }
        case pairState.data: {
          const end = this.#takeData(input, offset);
          if (end === undefined) return undefined;
          offset = end;
          break;
        }
        default:
          throw new Error(`Cannot decode pairs: unknown state "${String(this.#state)}"`);
      }
      if (offset === input.length && this.#state === pairState.lengths) return undefined;
    }
  }

  /** @returns the error of a stream that ends inside a pair, or undefined. */
  finish(): FastCgiError | undefined {
    if (this.#state === pairState.lengths && this.#lengthsFilled === 0) return undefined;
    return new FastCgiError(
      errorCode.truncatedPair,
      `Cannot decode name-value pairs: the stream ends inside pair ${this.pairs.length + 1}`,
    );
  }

  #lengthsComplete(): boolean {
    if (this.#lengthsFilled === 0) return false;
    const nameBytes = lengthBytes(this.#lengths[0]!);
    if (this.#lengthsFilled <= nameBytes) return false;
    return this.#lengthsFilled === nameBytes + lengthBytes(this.#lengths[nameBytes]!);
  }

  #takeLengths(): FastCgiError | undefined {
    const nameBytes = lengthBytes(this.#lengths[0]!);
    this.#nameLength = readLength(this.#lengths, 0);
    this.#valueLength = readLength(this.#lengths, nameBytes);
    this.#consumed += this.#lengthsFilled + this.#nameLength + this.#valueLength;
    this.#lengthsFilled = 0;
    if (this.#consumed > this.#limits.bytes) {
      return new FastCgiError(
        errorCode.paramsTooLarge,
        `Cannot decode name-value pairs: pair ${this.pairs.length + 1} brings them to ${this.#consumed} bytes, ` +
          `at most ${this.#limits.bytes} are allowed`,
      );
    }
    if (this.pairs.length === this.#limits.count) {
      return new FastCgiError(
        errorCode.tooManyParams,
        `Cannot decode name-value pairs: more than the allowed ${this.#limits.count} pairs`,
      );
    }
    this.#state = pairState.data;
    return undefined;
  }

  /** @returns the offset after the pair, or undefined while it is incomplete. */
  #takeData(input: Buffer, offset: number): number | undefined {
    const total = this.#nameLength + this.#valueLength;
    if (this.#partial === undefined && input.length - offset >= total) {
      this.#takePair(input, offset);
      return offset + total;
    }
    this.#partial ??= Buffer.allocUnsafe(total);
    const copied = input.copy(this.#partial, this.#partialFilled, offset);
    this.#partialFilled += copied;
    if (this.#partialFilled < total) return undefined;
    this.#takePair(this.#partial, 0);
    this.#partial = undefined;
    this.#partialFilled = 0;
    return offset + copied;
  }

  #takePair(from: Buffer, offset: number): void {
    const nameEnd = offset + this.#nameLength;
    this.pairs.push([
      from.toString('latin1', offset, nameEnd),
      from.toString('latin1', nameEnd, nameEnd + this.#valueLength),
    ]);
    this.#state = pairState.lengths;
  }
}

/** Bytes of the encoded pair. */
export function pairBytes(pair: Pair): number {
  return lengthSize(pair[0].length) + lengthSize(pair[1].length) + pair[0].length + pair[1].length;
}

/**
 * Encodes pairs as one stream of bytes.
 * @throws FastCgiError `not-binary` for a character over U+00FF: convert text with Buffer first.
 */
export function encodePairs(pairs: Iterable<Pair>): Buffer {
  const list = [...pairs];
  const target = Buffer.allocUnsafe(list.reduce((sum, pair) => sum + pairBytes(pair), 0));
  let offset = 0;
  for (const [name, value] of list) {
    assertBinary(name);
    assertBinary(value);
    offset = putLength(target, offset, name.length);
    offset = putLength(target, offset, value.length);
    offset += target.write(name, offset, 'latin1');
    offset += target.write(value, offset, 'latin1');
  }
  return target;
}

function lengthBytes(firstByte: number): number {
  return firstByte > longestShortLength ? 4 : 1;
}

function lengthSize(length: number): number {
  return length > longestShortLength ? 4 : 1;
}

function readLength(bytes: Uint8Array, offset: number): number {
  const first = bytes[offset]!;
  if (first <= longestShortLength) return first;
  return ((first & 0x7f) << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}

function putLength(target: Buffer, offset: number, length: number): number {
  if (length <= longestShortLength) return target.writeUInt8(length, offset);
  return target.writeUInt32BE((length | 0x80000000) >>> 0, offset);
}

const beyondBinary = /[^\x00-\xff]/;

function assertBinary(text: string): void {
  if (!beyondBinary.test(text)) return;
  throw new FastCgiError(
    errorCode.notBinary,
    `Cannot encode "${text.slice(0, 40)}": it has characters over U+00FF; pass a binary string, one character a byte`,
  );
}
