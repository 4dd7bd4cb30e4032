/** The request body on its way into PHP: pieces arrive from the main thread, PHP reads some bytes at a time. */

import { free } from '../shared/buffers.ts';
import type { BodySource } from './sapi.ts';

/** Pushed pieces belong to the queue, which frees them after PHP has read them. */
export class BodyQueue implements BodySource {
  readonly #pieces: Uint8Array[] = [];
  /** Consumed pieces that the reader may still be copying from. */
  #spent: ArrayBufferLike[] = [];
  #ended: boolean;
  #waiting: ((bytes: Uint8Array) => void) | undefined;
  #waitingLimit = 0;
  /** Bytes available in the pieces. */
  #available = 0;
  /** Bytes that PHP may still read, at most CONTENT_LENGTH. */
  #remaining: number;

  /** Reports the bytes that PHP has taken, so that the sender can send more. */
  readonly #onTaken: (bytes: number) => void;

  constructor(contentLength: number, complete?: Uint8Array, onTaken: (bytes: number) => void = () => {}) {
    this.#onTaken = onTaken;
    this.#remaining = contentLength;
    this.#ended = complete !== undefined || contentLength === 0;
    if (complete === undefined) return;
    this.#pieces.push(complete);
    this.#available = complete.length;
  }

  push(bytes: Uint8Array, end: boolean): void {
    if (bytes.length > 0) this.#pieces.push(bytes);
    this.#available += bytes.length;
    this.#ended ||= end;
    const waiting = this.#waiting;
    if (waiting === undefined || !this.#has(this.#waitingLimit)) return;
    this.#waiting = undefined;
    waiting(this.#take(this.#waitingLimit));
  }

  /** To PHP a short read means the end of the body, so only the last read is short. */
  read(limit: number): Uint8Array | Promise<Uint8Array> {
    if (this.#has(limit)) return this.#take(limit);
    return new Promise((resolve) => {
      this.#waiting = resolve;
      this.#waitingLimit = limit;
    });
  }

  #has(limit: number): boolean {
    return this.#ended || this.#available >= Math.min(limit, this.#remaining);
  }

  /** PHP has finished the body; the last read result becomes invalid. */
  close(): void {
    this.#spent.push(...this.#pieces.splice(0).map((piece) => piece.buffer));
    this.#available = 0;
    this.#freeSpent();
  }

  #freeSpent(): void {
    for (const buffer of this.#spent.splice(0)) free(buffer);
  }

  #take(limit: number): Uint8Array {
    this.#freeSpent();
    const length = Math.min(limit, this.#remaining, this.#available);
    const first = this.#pieces[0];
    // The usual case: one piece has everything, without a copy.
    const taken =
      first !== undefined && first.length >= length ? first.subarray(0, length) : this.#join(length);
    this.#drop(length);
    this.#available -= length;
    this.#remaining -= length;
    this.#onTaken(length);
    return taken;
  }

  #join(length: number): Uint8Array {
    const joined = new Uint8Array(length);
    let at = 0;
    for (const piece of this.#pieces) {
      if (at === length) break;
      const part = piece.subarray(0, length - at);
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }

  #drop(length: number): void {
    let left = length;
    for (let first = this.#pieces[0]; first !== undefined && left > 0; first = this.#pieces[0]) {
      if (first.length <= left) {
        this.#pieces.shift();
        this.#spent.push(first.buffer);
      } else {
        this.#pieces[0] = first.subarray(left);
      }
      left -= Math.min(left, first.length);
    }
  }
}
