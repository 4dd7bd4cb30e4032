/** 64-bit numbers of the scoreboard as JavaScript numbers, without allocating a BigInt for each. */

const twoTo32 = 2 ** 32;

/** Reads a little-endian u64. A value over 2^53-1 can only be corrupt and is clamped to that. */
export function readU64(buffer: Buffer, offset: number): number {
  const value = buffer.readUInt32LE(offset + 4) * twoTo32 + buffer.readUInt32LE(offset);
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}

/** Writes a little-endian u64; drops fractions, and writes negative values and NaN as 0. */
export function writeU64(buffer: Buffer, value: number, offset: number): void {
  const whole = value > 0 ? Math.min(Math.floor(value), Number.MAX_SAFE_INTEGER) : 0;
  buffer.writeUInt32LE(whole % twoTo32, offset);
  buffer.writeUInt32LE(Math.floor(whole / twoTo32), offset + 4);
}

/** Writes a little-endian u32 by the same rule, clamped to its range. */
export function writeU32(buffer: Buffer, value: number, offset: number): void {
  buffer.writeUInt32LE(value > 0 ? Math.min(Math.floor(value), twoTo32 - 1) : 0, offset);
}
