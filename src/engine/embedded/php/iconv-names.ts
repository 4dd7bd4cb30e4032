/**
 * Character sets by the names and rules of glibc's iconv. The engine has GNU libiconv: it reads 16- and 32-bit sets
 * without a mark as big-endian, knows fewer names, and puts accents before letters that it transliterates. Pure.
 */

import { asBinary, decodeBinary, encodeBinary } from '../../../text/binary.ts';

/** The corresponding request to libiconv. */
export interface Charset {
  readonly name: string;
  /** The mark with which glibc starts its output. */
  readonly mark: string;
}

interface Rule {
  readonly name: string;
  /** Byte order marks, this machine's first; empty where glibc reads a mark as a character. */
  readonly marks: readonly string[];
  /** The set in which libiconv understands marks. */
  readonly marked?: string;
}

const utf16: Rule = { name: 'UTF-16LE', marks: ['\xff\xfe', '\xfe\xff'], marked: 'UTF-16' };
const utf32: Rule = { name: 'UTF-32LE', marks: ['\xff\xfe\0\0', '\0\0\xfe\xff'], marked: 'UTF-32' };
const ucs2: Rule = { name: 'UCS-2LE', marks: [] };

const rules: ReadonlyMap<string, Rule> = new Map([
  ['UTF-16', utf16],
  ['UTF16', utf16],
  ['UNICODE', utf16],
  ['CSUNICODE', utf16],
  ['UTF-32', utf32],
  ['UTF32', utf32],
  ['UCS-2', ucs2],
  ['UCS2', ucs2],
  ['WCHAR_T', { name: 'UCS-4LE', marks: [] }],
]);

/** The set of the input. */
export function sourceCharset(name: string, bytes: string): string {
  const rule = rules.get(name.toUpperCase());
  if (rule === undefined) return name;
  return rule.marks.some((mark) => bytes.startsWith(mark)) ? (rule.marked ?? rule.name) : rule.name;
}

/** The set of the output; its name may end in `//TRANSLIT` and `//IGNORE`. */
export function targetCharset(given: string): Charset {
  const slashes = given.indexOf('//');
  const [name, suffix] = slashes < 0 ? [given, ''] : [given.slice(0, slashes), given.slice(slashes)];
  const rule = rules.get(name.toUpperCase());
  if (rule === undefined) return { name: given, mark: '' };
  return { name: `${rule.name}${suffix}`, mark: rule.marks[0] ?? '' };
}

const transliteratedAscii = /^(?:US-)?ASCII\/\/(?:IGNORE\/\/)?TRANSLIT/i;

/** Text without the accents that glibc would drop when converting to ASCII. @param bytes UTF-8, as a binary string */
export function withoutAccents(from: string, to: string, bytes: string): string {
  if (!/^utf-?8$/i.test(from) || !transliteratedAscii.test(to)) return bytes;
  const text = decodeBinary(asBinary(bytes));
  if (encodeBinary(text) !== bytes) return bytes;
  const plain = text.replace(/[^\0-\x7f]/gu, (character) => {
    const parts = character.normalize('NFD');
    return /^[A-Za-z]\p{M}+$/u.test(parts) ? parts.charAt(0) : character;
  });
  return encodeBinary(plain);
}
