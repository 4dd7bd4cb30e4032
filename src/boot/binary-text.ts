/**
 * The configuration room keeps text as binary strings, one character a byte, because its files may have any encoding.
 * Node uses Unicode for the command line, the environment, paths and names, and encodes it as UTF-8.
 */

import { asBinary, type BinaryString, decodeBinary, encodeBinary } from '../text/binary.ts';

/** Converts a text of the command line or the environment to the configuration room's form. */
export function encodeText(text: string): BinaryString {
  return encodeBinary(text);
}

/**
 * The reverse, for all texts in a value. Unchanged parts are returned as they are. Maps of places stay unchanged:
 * nothing reads them later.
 */
export function decodeText<T>(value: T): T {
  if (typeof value === 'string') return decodeBinary(asBinary(value)) as T;
  if (Array.isArray(value)) {
    const items = value.map((item) => decodeText(item));
    return (items.every((item, index) => item === value[index]) ? value : items) as T;
  }
  if (value === null || typeof value !== 'object' || value instanceof Map) return value;
  const changed = Object.entries(value).flatMap(([key, item]) => {
    const decoded = decodeText(item);
    return decoded === item ? [] : [[key, decoded]];
  });
  return changed.length === 0 ? value : { ...value, ...(Object.fromEntries(changed) as Partial<T>) };
}
