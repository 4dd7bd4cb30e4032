/**
 * Characters that are never shown raw in untrusted text: controls (an escape sequence starts with one), line
 * separators, characters that change the text direction, halves of surrogate pairs, and the two non-characters that XML
 * forbids. Joiners and other format characters stay: Persian and emoji need them. The native engine has the same set in
 * text_line.c.
 */
import { type BinaryString, decodeBinary } from './binary.ts';

const unsafe = '\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\u202a-\\u202e\\u2066-\\u2069\\ufffe\\uffff';

const one = new RegExp(`[${unsafe}]`, 'u');
const all = new RegExp(`[${unsafe}]`, 'gu');

export function isUnsafe(character: string): boolean {
  return one.test(character);
}

/** Replaces each unsafe character; by default with U+FFFD. */
export function replaceUnsafe(text: string, by: string | ((character: string) => string) = '\ufffd'): string {
  return typeof by === 'string' ? text.replaceAll(all, by) : text.replaceAll(all, by);
}

/** Decodes a binary string from PHP or a request and replaces unsafe characters. */
export function shownText(binary: BinaryString): string {
  return replaceUnsafe(decodeBinary(binary));
}
