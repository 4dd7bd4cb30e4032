/** Binary strings: one character is one byte. Configuration, scoreboard and requests use them. */

/** Decodes the bytes as UTF-8; invalid bytes become U+FFFD. */
export function decodeBinary(binary: string): string {
  if (isAscii(binary)) return binary;
  return Buffer.from(binary, 'latin1').toString('utf8');
}

/** Almost every text of a configuration is: then its bytes are its characters. */
function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

/** Encodes a text as UTF-8 bytes. */
export function encodeBinary(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
