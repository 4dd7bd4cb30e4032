/** Binary strings, one character a byte, as the configuration, the scoreboard and requests have them. */

/** The text that the bytes are in UTF-8; what is none becomes U+FFFD. */
export function decodeBinary(binary: string): string {
  return Buffer.from(binary, 'latin1').toString('utf8');
}

/** The bytes of a text in UTF-8. */
export function encodeBinary(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
