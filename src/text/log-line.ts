/**
 * Text from strangers on a line of a text log: one message is one line, and reads as it is. Bytes that are no UTF-8 are
 * kept, since logs of other encodings exist; unsafe characters are written as `\n` or `\x1b`, byte by byte, and so are the
 * bytes 80 to 9f outside of UTF-8, which are controls to a terminal of eight bits. The tab stays.
 */
import { decodeBinary } from './binary.ts';
import { isUnsafe } from './unsafe.ts';

/** A printable line of ASCII: most are. */
const plain = /^[\t\x20-\x7e]*$/;
/** Well-formed UTF-8 (RFC 3629, section 4) of more than one byte, else one byte; of a binary string. */
const token =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|./gs;
/** Longest sequence of UTF-8. */
const maxTokenBytes = 4;

/** The bytes as they go into the line. */
export function logLine(bytes: Buffer): Buffer {
  const binary = bytes.toString('latin1');
  return plain.test(binary) ? bytes : Buffer.from(binary.replace(token, shown), 'latin1');
}

/** The same for a binary string that becomes part of a message. */
export function logText(binary: string): string {
  return logLine(Buffer.from(binary, 'latin1')).toString('utf8');
}

/**
 * As much of a text as fits `most` bytes of the line, at least one character.
 *
 * @returns how many bytes of the text that is, and what they look like
 */
export function fitLogLine(bytes: Buffer, most: number): { readonly used: number; readonly line: Buffer } {
  const start = bytes.subarray(0, most);
  if (plain.test(start.toString('latin1'))) return { used: start.length, line: start };
  let used = 0;
  let line = '';
  for (const [character] of bytes.toString('latin1', 0, most + maxTokenBytes).matchAll(token)) {
    const more = shown(character);
    if (used > 0 && line.length + more.length > most) break;
    used += character.length;
    line += more;
  }
  return { used, line: Buffer.from(line, 'latin1') };
}

/** How many of at most `most` bytes are whole characters; all of them where there is no end of one near. */
export function wholeCharacters(bytes: Buffer, most: number): number {
  if (bytes.length <= most) return bytes.length;
  let end = most;
  while (end > most - maxTokenBytes && isContinuation(bytes[end])) end -= 1;
  return end > 0 && !isContinuation(bytes[end]) ? end : most;
}

/** A value of the access log as a binary string, by nginx's rule: its form is a syntax. */
export function logField(value: string): string {
  return value.replace(/["\\]|[^"\\]+/g, (part) =>
    part === '"' || part === '\\' ? hex(part, true) : field(part),
  );
}

/** The same where a script may print quotes, as in a header of its own. */
export function logFieldWithQuotes(value: string): string {
  return field(value);
}

/** The reference's rule for paths of scripts in its own messages: a point for every byte that is not plain ASCII. */
export function logWord(binary: string): string {
  return binary.replace(/[^\x20-\x7e]/g, '.');
}

/** Blanks in place of unsafe bytes, as many: for a line of a file with a caret under it. */
export function sameColumns(binary: string): string {
  return binary.replace(token, (bytes) => (isUnsafeToken(bytes) ? ' '.repeat(bytes.length) : bytes));
}

function shown(character: string): string {
  if (character === '\t' || !isUnsafeToken(character)) return character;
  return character === '\n' ? '\\n' : hex(character, false);
}

function field(value: string): string {
  return value.replace(token, (character) => (isUnsafeToken(character) ? hex(character, true) : character));
}

/** @param character one byte, which stands for the Latin-1 character of its number, or one of UTF-8 in several */
function isUnsafeToken(character: string): boolean {
  return isUnsafe(character.length === 1 ? character : decodeBinary(character));
}

function hex(bytes: string, isUpper: boolean): string {
  return [...bytes]
    .map((byte) => {
      const digits = byte.charCodeAt(0).toString(16).padStart(2, '0');
      return `\\x${isUpper ? digits.toUpperCase() : digits}`;
    })
    .join('');
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
