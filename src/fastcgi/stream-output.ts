import type { Duplex } from 'node:stream';

/**
 * Gathers what is written in one turn of the event loop, so that it leaves in one system call (writev), and ends
 * the gathering at once when the stream's buffer is full.
 */
export class StreamOutput {
  readonly #stream: Duplex;
  #corked = false;
  #used = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  /** Bytes that the stream has not handed on yet. */
  get pendingBytes(): number {
    return this.#stream.writableLength;
  }

  /** Something was sent: a hard close could take it away from the peer. */
  get used(): boolean {
    return this.#used;
  }

  get isFull(): boolean {
    return this.#stream.writableNeedDrain;
  }

  /** @returns false when the buffer is full; after the stream's end the bytes are dropped. */
  send(chunks: readonly Uint8Array[]): boolean {
    if (!this.#stream.writable) return true;
    this.#used = true;
    if (!this.#corked) {
      this.#corked = true;
      this.#stream.cork();
      setImmediate(() => this.flush());
    }
    for (const chunk of chunks) this.#stream.write(chunk);
    if (!this.isFull) return true;
    this.flush();
    return !this.isFull;
  }

  flush(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#stream.uncork();
  }
}
