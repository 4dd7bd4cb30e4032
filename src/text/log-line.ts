/**
 * Untrusted text on a line of a text log: one message is one line and stays readable. Bytes outside UTF-8 are kept,
 * since logs in other encodings exist. Unsafe characters are written as `\n` or `\x1b`, byte by byte; so are the bytes
 * 80 to 9f outside UTF-8, which are controls on an eight-bit terminal. Tabs stay.
 */
import { asBinary, type BinaryString, bytesOf, decodeBinary } from './binary.ts';
import { isUnsafe } from './unsafe.ts';

/** A printable ASCII line, the usual case. */
const plain = /^[\t\x20-\x7e]*$/;
/** In a binary string: a well-formed multi-byte UTF-8 sequence (RFC 3629, section 4), else one byte. */
const token =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|./gs;
/** Longest UTF-8 sequence. */
const maxTokenBytes = 4;

/** Escapes bytes for a log line. */
export function logLine(bytes: Buffer): Buffer {
  const binary = bytes.toString('latin1');
  return plain.test(binary) ? bytes : Buffer.from(binary.replace(token, shown), 'latin1');
}

/** The same for a binary string within a message. */
export function logText(binary: BinaryString): string {
  return logLine(bytesOf(binary)).toString('utf8');
}

/**
 * The longest start of a text, at least one character, whose escaped form fits into `most` bytes.
 *
 * @returns the number of bytes used and their escaped form
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

/** The number of bytes, up to `most`, that end at a character boundary; `most` itself where no boundary is near. */
export function wholeCharacters(bytes: Buffer, most: number): number {
  if (bytes.length <= most) return bytes.length;
  let end = most;
  while (end > most - maxTokenBytes && isContinuation(bytes[end])) end -= 1;
  return end > 0 && !isContinuation(bytes[end]) ? end : most;
}

/** Escapes a value of the access log, a binary string, by nginx's rule, so that it cannot forge syntax. */
export function logField(value: BinaryString): BinaryString {
  const quoted = value.replace(/["\\]|[^"\\]+/g, (part) =>
    part === '"' || part === '\\' ? hex(part, true) : field(part),
  );
  return asBinary(quoted);
}

/** The same for values in which quotes are allowed, such as a script's own headers. */
export function logFieldWithQuotes(value: BinaryString): BinaryString {
  return asBinary(field(value));
}

/** php-fpm's rule for script paths in its own messages: a point for every byte outside plain ASCII. */
export function logWord(binary: BinaryString): string {
  return binary.replace(/[^\x20-\x7e]/g, '.');
}

/** Replaces each unsafe byte by a blank, so that a caret below a line of a file stays in its column. */
export function sameColumns(binary: BinaryString): BinaryString {
  return asBinary(
    binary.replace(token, (bytes) => (isUnsafeToken(bytes) ? ' '.repeat(bytes.length) : bytes)),
  );
}

function shown(character: string): string {
  if (character === '\t' || !isUnsafeToken(character)) return character;
  return character === '\n' ? '\\n' : hex(character, false);
}

function field(value: string): string {
  return value.replace(token, (character) => (isUnsafeToken(character) ? hex(character, true) : character));
}

/** @param character a single byte as a Latin-1 character, or a UTF-8 sequence of several bytes */
function isUnsafeToken(character: string): boolean {
  return isUnsafe(character.length === 1 ? character : decodeBinary(asBinary(character)));
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
