import type { Duplex } from 'node:stream';

/** Up to this size chunks are copied together and leave by one write(2): cheaper than separate stream writes. */
const joinLimit = 16 * 1024;

/**
 * So many are not kept apart: a peer that asks in thousands of small records would cost a hundred times the memory and
 * the time of its answers, since each is an object and a write of the stream.
 */
const mostChunks = 256;

/**
 * Collects the writes of one turn of the event loop, so that they leave in one system call; sends at once when there is
 * as much as the stream buffers.
 */
export class StreamOutput {
  readonly #stream: Duplex;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #isScheduled = false;
  #used = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
  }

  /** Bytes that the stream still holds. */
  get pendingBytes(): number {
    return this.#stream.writableLength + this.#gatheredBytes;
  }

  /** Bytes have been sent: a hard close could destroy them before the peer reads them. */
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
    for (const chunk of chunks) {
      this.#gathered.push(chunk);
      this.#gatheredBytes += chunk.length;
    }
    const isEnough =
      this.#gatheredBytes >= this.#stream.writableHighWaterMark || this.#gathered.length >= mostChunks;
    if (this.isFull || isEnough) this.flush();
    else this.#schedule();
    return !this.isFull;
  }

  flush(): void {
    const chunks = this.#gathered;
    const bytes = this.#gatheredBytes;
    if (chunks.length === 0) return;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    if (!this.#stream.writable) return;
    if (bytes <= joinLimit) {
      this.#stream.write(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, bytes));
      return;
    }
    this.#stream.cork();
    for (const chunk of chunks) this.#stream.write(chunk);
    this.#stream.uncork();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }
}
