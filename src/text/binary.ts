/** Binary strings: one character is one byte. Configuration, scoreboard and requests use them. */

/** Decodes the bytes as UTF-8; invalid bytes become U+FFFD. */
export function decodeBinary(binary: string): string {
  return Buffer.from(binary, 'latin1').toString('utf8');
}

/** Encodes a text as UTF-8 bytes. */
export function encodeBinary(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
