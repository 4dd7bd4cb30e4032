/**
 * Counts the bytes of a request's body: promised, announced by record headers and delivered. It decides whether the
 * connection can be reused: the rest of an unread or overlong body would be parsed as the next request
 * (CVE-2026-129289).
 */
export class BodyMeter {
  readonly promised: number;
  #announced = 0;
  #seen = 0;
  /** The empty STDIN record has arrived. */
  streamEnded = false;
  /** The application knows the end. */
  endTold = false;

  constructor(promised: number) {
    this.promised = promised;
  }

  /** A STDIN record with this content length starts. */
  announce(bytes: number): void {
    this.#announced += bytes;
  }

  /** @returns the part of `bytes` that belongs to the body. */
  take(bytes: Uint8Array): Uint8Array {
    const wanted = bytes.subarray(0, this.promised - this.#seen);
    this.#seen += wanted.length;
    return wanted;
  }

  get complete(): boolean {
    return this.#seen === this.promised;
  }

  get hasSurplus(): boolean {
    return this.#announced > this.promised;
  }

  /** The rest of the stream cannot be mistaken for a next request. */
  get leavesNothing(): boolean {
    return !this.hasSurplus && (this.complete || (this.streamEnded && this.#seen === this.#announced));
  }
}
