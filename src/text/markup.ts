/** Untrusted text in HTML, XML and SVG. */
import { replaceUnsafe } from './unsafe.ts';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#039;',
};

/** Escapes for element content and quoted attributes. */
export function markup(text: string): string {
  return replaceUnsafe(text).replace(/[&<>"']/g, (character) => entities[character]!);
}
