/** Text from strangers in JSON: nothing is lost, and the document is one line that a terminal may show. */
import { replaceUnsafe } from './unsafe.ts';

/** A value as a document. */
export function jsonDocument(value: unknown): string {
  return guardedJson(JSON.stringify(value));
}

/** The same for a document that is there already: unsafe characters can only be inside its strings, or blanks around. */
export function guardedJson(json: string): string {
  return replaceUnsafe(json.replace(/[\t\r\n]/g, ' '), escaped);
}

/** A document in ASCII, in as many lines as JSON.stringify makes with that indentation. */
export function asciiJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, undefined, indent).replace(/[\u007f-\uffff]/g, escaped);
}

/** A string with its quotes as PHP's encoder writes it: ASCII only, and `/` as `\/`. */
export function phpJsonString(text: string): string {
  return asciiJson(text).replaceAll('/', '\\/');
}

function escaped(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
