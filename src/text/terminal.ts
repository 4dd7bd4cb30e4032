/** Text from strangers on a terminal. */
import { logLine } from './log-line.ts';
import { replaceUnsafe } from './unsafe.ts';

/** Bytes on one row: unsafe ones are written out, as in a text log, so that none is lost. */
export function terminalLine(bytes: Buffer): string {
  return terminalText(logLine(bytes).toString('utf8'));
}

/**
 * On one row: unsafe characters, line ends and tabs among them, and format characters, whose width no two terminals agree
 * on, become U+FFFD. Of a pile of combining marks, which would run into other rows, two stay.
 */
export function terminalText(text: string): string {
  return replaceUnsafe(text)
    .replace(/\p{Cf}/gu, '\ufffd')
    .replace(/(\p{M}{2})\p{M}+/gu, '$1');
}
