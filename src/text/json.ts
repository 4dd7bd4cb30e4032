/** Untrusted text in JSON: nothing is lost, and the document is one line that is safe on a terminal. */
import { replaceUnsafe } from './unsafe.ts';

/** Encodes a value as a document. */
export function jsonDocument(value: unknown): string {
  return guardedJson(JSON.stringify(value));
}

/**
 * The same for a finished document: unsafe characters can only occur inside its strings or as blanks between tokens.
 */
export function guardedJson(json: string): string {
  return replaceUnsafe(json.replace(/[\t\r\n]/g, ' '), escaped);
}

/** An ASCII document, with the lines that JSON.stringify makes for that indentation. */
export function asciiJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, undefined, indent).replace(/[\u007f-\uffff]/g, escaped);
}

/** A quoted string as PHP's encoder writes it: ASCII only, and `/` as `\/`. */
export function phpJsonString(text: string): string {
  return asciiJson(text).replaceAll('/', '\\/');
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
