/**
 * How much of a request's body was promised, announced by record headers and handed on. It decides whether the
 * connection can be used again: a body that is not read to its end, or is longer than promised, would pass for
 * the next request (CVE-2026-129289).
 */
export class BodyMeter {
  readonly promised: number;
  #announced = 0;
  #seen = 0;
  /** The empty STDIN record was seen. */
  streamEnded = false;
  /** The application was told the end. */
  endTold = false;

  constructor(promised: number) {
    this.promised = promised;
  }

  /** A STDIN record with that much content begins. */
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

  /** The stream holds nothing that could be taken for the next request. */
  get leavesNothing(): boolean {
    return !this.hasSurplus && (this.complete || (this.streamEnded && this.#seen === this.#announced));
  }
}
