/** Memory of large messages, which is handed over and freed by hand. */

/**
 * From this size on memory is handed over to the other thread instead of copied, and freed by hand: the collector,
 * which sees only small objects, lets tens of MB lie. Below, handing over costs more than the copy (some 35 us a
 * buffer; measured: 95 us for the messages of a hello world instead of 24).
 */
export const largeBytes = 32 * 1024;

/**
 * From this size on memory that is freed goes back to the kernel. It is where glibc starts from; at half of it every
 * read of a socket would be a mapping of its own.
 */
export const mappedBytes = 128 * 1024;

/** What to pass postMessage() as its transfer list for a message that holds these bytes, which own their memory. */
export function handOver(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer[] {
  return bytes.buffer.byteLength >= largeBytes ? [bytes.buffer] : [];
}

/**
 * Frees large memory at once; every view of it is empty afterwards. Not for what Node hands out in slices of a pool
 * (`Buffer.allocUnsafe`, `Buffer.concat`), where others have a share. Small memory is left to the collector.
 */
export function free(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= largeBytes) buffer.transfer(0);
}
