/** Memory of large messages, transferred between threads and freed explicitly. */

/**
 * From this size on memory is transferred to the other thread instead of copied, and freed explicitly: the garbage
 * collector only sees small objects and would keep tens of MB. Below it a transfer costs more than the copy (some 35 us
 * a buffer; measured: 95 us for the messages of a hello world instead of 24).
 */
export const largeBytes = 32 * 1024;

/**
 * From this size on freed memory returns to the kernel. This is glibc's initial threshold; at half of it every read of
 * a socket would be a separate mapping.
 */
export const mappedBytes = 128 * 1024;

/** The transfer list of postMessage() for a message with these bytes, which own their memory. */
export function handOver(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer[] {
  return bytes.buffer.byteLength >= largeBytes ? [bytes.buffer] : [];
}

/**
 * Frees large memory at once; every view of it becomes empty. Never for slices of Node's pool (`Buffer.allocUnsafe`,
 * `Buffer.concat`), which others share. Small memory is left to the garbage collector.
 */
export function free(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength >= largeBytes) buffer.transfer(0);
}
