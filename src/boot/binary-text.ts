/**
 * The configuration room keeps texts as binary strings, one character a byte, since its files may be in any encoding.
 * Node wants the command line, the environment, paths and names as Unicode, and writes them as UTF-8.
 */

import { decodeBinary, encodeBinary } from '../text/binary.ts';

/** A text of the command line or of the environment, as the configuration room has it. */
export function encodeText(text: string): string {
  return encodeBinary(text);
}

/** The other way round, for all texts in a value. Maps of places are left as they are: nothing reads them from here on. */
export function decodeText<T>(value: T): T {
  if (typeof value === 'string') return decodeBinary(value) as T;
  if (Array.isArray(value)) return value.map((item) => decodeText(item)) as T;
  if (value === null || typeof value !== 'object' || value instanceof Map) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, decodeText(item)])) as T;
}
