/**
 * Characters that are never shown as they are, wherever a text from strangers goes: controls (an escape sequence starts
 * with one), what ends a line for some readers, what turns the direction of the text around it, halves of surrogate
 * pairs, and the two non-characters that XML forbids. Joiners and other format characters stay: Persian and emoji are
 * written with them. The native engine has the same set in text_line.c.
 */
import { decodeBinary } from './binary.ts';

const unsafe = '\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}\\u202a-\\u202e\\u2066-\\u2069\\ufffe\\uffff';

const one = new RegExp(`[${unsafe}]`, 'u');
const all = new RegExp(`[${unsafe}]`, 'gu');

export function isUnsafe(character: string): boolean {
  return one.test(character);
}

/** A text with something else in place of each unsafe character; by default U+FFFD. */
export function replaceUnsafe(text: string, by: string | ((character: string) => string) = '\ufffd'): string {
  return typeof by === 'string' ? text.replaceAll(all, by) : text.replaceAll(all, by);
}

/** From the bytes of PHP or of a request, as a binary string, to text without unsafe characters. */
export function shownText(binary: string): string {
  return replaceUnsafe(decodeBinary(binary));
}
