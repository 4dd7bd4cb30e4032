/**
 * Everything that a client can put into a scoreboard is printed through one of these. They take binary strings
 * (one character a byte) and give text. Bytes that are no UTF-8 and control characters, which could end a line,
 * drive a terminal or break an XML parser, become U+FFFD in every format.
 */

/** A binary string as text that is safe on a line of its own. */
export function printable(binary: string): string {
  const text = Buffer.from(binary, 'latin1').toString('utf8');
  // C0, DEL, C1, the line and paragraph separators, direction overrides, and the two non-characters that XML bans.
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufffe\uffff]/g,
    '\ufffd',
  );
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#039;',
};

/** For html and xml, in elements and in quoted attributes. */
export function markup(binary: string): string {
  return printable(binary).replace(/[&<>"']/g, (character) => entities[character]!);
}

/** A JSON string with its quotes: ASCII only, and `/` as `\/`, as PHP's encoder writes it. */
export function jsonString(binary: string): string {
  return JSON.stringify(printable(binary))
    .replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .replaceAll('/', '\\/');
}

/** For the text after `# HELP name`, where the format escapes backslash, quote and newline. */
export function metricHelp(binary: string): string {
  return printable(binary).replace(/[\\"]/g, '\\$&');
}
