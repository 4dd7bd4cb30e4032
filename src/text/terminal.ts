/** Untrusted text on a terminal. */
import { logLine } from './log-line.ts';
import { replaceUnsafe } from './unsafe.ts';

/** Bytes on one row: unsafe ones are escaped as in a text log, so that nothing is lost. */
export function terminalLine(bytes: Buffer): string {
  return terminalText(logLine(bytes).toString('utf8'));
}

/**
 * One row of text. Unsafe characters, line ends, tabs and format characters (terminals disagree on their width) become
 * U+FFFD. Of stacked combining marks, which would run into other rows, two stay.
 */
export function terminalText(text: string): string {
  return replaceUnsafe(text)
    .replace(/\p{Cf}/gu, '\ufffd')
    .replace(/(\p{M}{2})\p{M}+/gu, '$1');
}
