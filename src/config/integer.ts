/** C's integer parsing: configuration files depend on its treatment of invalid numbers. */

const LONG_LIMIT = 2n ** 63n;

/** atoi(3) as in glibc: leading blanks, sign and digits; the rest is ignored; 32 bits, wrapping. */
export function atoi(text: string): number {
  const digits = /^[ \t\n\v\f\r]*([-+]?[0-9]+)/.exec(text)?.[1];
  return digits === undefined ? 0 : Number(BigInt.asIntN(32, clampToLong(BigInt(digits))));
}

/** strtol's result for a number out of range. */
function clampToLong(number: bigint): bigint {
  if (number >= LONG_LIMIT) return LONG_LIMIT - 1n;
  return number < -LONG_LIMIT ? -LONG_LIMIT : number;
}
