/**
 * Binary strings: one character is one byte, in any encoding. Configuration, scoreboard and requests use them. The type
 * separates them from text: displaying needs decoding, storing needs encoding.
 */

declare const binary: unique symbol;

/**
 * A string whose characters are bytes. Its parts, and concatenations of such strings, are binary as well: see
 * {@link asBinary}.
 */
export type BinaryString = string & { readonly [binary]: never };

/** For strings known to be bytes: our own ASCII, and strings made from binary strings. */
export function asBinary(bytes: string): BinaryString {
  return bytes as BinaryString;
}

export function binaryOf(bytes: Uint8Array): BinaryString {
  return asBinary(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1'));
}

/** The bytes. */
export function bytesOf(binary: BinaryString): Buffer {
  return Buffer.from(binary, 'latin1');
}

/** Decodes the bytes as UTF-8; invalid bytes become U+FFFD. */
export function decodeBinary(binary: BinaryString): string {
  if (isAscii(binary)) return binary;
  return bytesOf(binary).toString('utf8');
}

/** True for almost every text of a configuration: then its bytes are its characters. */
function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

/** Encodes a text as UTF-8 bytes. */
export function encodeBinary(text: string): BinaryString {
  return asBinary(Buffer.from(text, 'utf8').toString('latin1'));
}
