/**
 * Characters that are never shown as they are, wherever a text from strangers goes: controls (an escape sequence starts
 * with one), what ends a line for some readers, what turns the direction of the text around it, and the two
 * non-characters that XML forbids. Joiners and other format characters stay: Persian and emoji are written with them.
 */
const unsafe = '\\p{Cc}\\p{Zl}\\p{Zp}\\u202a-\\u202e\\u2066-\\u2069\\ufffe\\uffff';

/** For a test of one character. */
export const unsafeCharacter = new RegExp(`[${unsafe}]`, 'u');

/** For a replacement of all. */
export const unsafeCharacters = new RegExp(`[${unsafe}]`, 'gu');
