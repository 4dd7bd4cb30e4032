/** Reads untrusted memory: addresses are checked, lengths are bounded, impossible values are torn. */

import { readU64 } from '../scoreboard/numbers.ts';
import { type BinaryString, binaryOf } from '../text/binary.ts';
import type { Memory } from './memory.ts';

/** The memory is no valid stack: it was freed or changed meanwhile, or a script forged it. */
export class TornError extends Error {}

/** Longest accepted name or path: PATH_MAX. */
const longestString = 4096;
/** Lower addresses are never mapped (mmap_min_addr); higher ones exceed exact numbers. */
const lowestAddress = 65_536;
const highestAddress = 2 ** 53 - 65_536;

/** Whether a value can be a pointer: PHP's structures are aligned. */
export function isAddress(pointer: number): boolean {
  return pointer >= lowestAddress && pointer <= highestAddress && pointer % 8 === 0;
}

/**
 * Fills and returns `target` from `offset` bytes after an address.
 *
 * @throws TornError
 */
export function readAt(memory: Memory, address: number, target: Buffer, offset = 0): Buffer {
  if (!isAddress(address) || !memory.read(address + offset, target)) throw new TornError();
  return target;
}

const pointer = Buffer.alloc(8);

/** The pointer stored there, which may be null. @throws TornError */
export function pointerAt(memory: Memory, address: number, offset = 0): number {
  return readU64(readAt(memory, address, pointer, offset), 0);
}

/** Most names and paths fit, so one read is enough. */
const usualString = Buffer.alloc(136);

/** PHP's string at an address, as a binary string. @throws TornError */
export function stringAt(
  memory: Memory,
  address: number,
  { string_length, string_bytes }: { readonly string_length: number; readonly string_bytes: number },
): BinaryString {
  // The mapping may end earlier.
  const isRead = isAddress(address) && string_length <= 128 && memory.read(address, usualString);
  const length = isRead ? readU64(usualString, string_length) : pointerAt(memory, address, string_length);
  if (length > longestString) throw new TornError();
  if (isRead && string_bytes + length <= usualString.length) {
    return binaryOf(usualString.subarray(string_bytes, string_bytes + length));
  }
  return binaryOf(readAt(memory, address, Buffer.alloc(length), string_bytes));
}
