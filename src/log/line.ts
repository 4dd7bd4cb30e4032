/** The bytes of one line of the error log, fpm-behaviour 11.1 and 11.2; no state, no output. */
import { logLine } from '../text/log-line.ts';
import type { Level } from './levels.ts';

/** The reference builds a message in a buffer of this size. */
export const maxLineBytes = 2048;

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** Place in the program that wrote a message; printed at log_level debug only. */
export interface Location {
  readonly pid: number;
  readonly function: string;
  readonly line: number;
}

/** Text is written as UTF-8; bytes (of a request, say) as they are. */
export type LogText = string | Uint8Array;

export interface LineParts {
  readonly level: Level;
  readonly text: LogText;
  /** Microseconds since the epoch. */
  readonly time: number;
  /** `log_limit`. */
  readonly limit: number;
  /** Where the message comes from, given at log_level debug. */
  readonly location?: Location | undefined;
  /** Error number and text that a failed system call left. */
  readonly failure?: { readonly errno: number; readonly strerror: string } | undefined;
  /** Further lines of ours, the place and what to do: shown by the style `json` only. */
  readonly details?: readonly string[] | undefined;
  /** The request that the message is about: shown by the style `json` only. */
  readonly requestId?: string | undefined;
  /** `log_limit` holds for this line although it fits the buffer. */
  readonly isBounded?: boolean;
  readonly style: LineStyle;
}

/** `json` is the same in a file and in syslog. */
export type LineStyle = 'file' | 'syslog' | 'json';

/** `[22-Nov-2026 14:53:34]` in local time, with microseconds when asked for. */
export function timestamp(time: number, microseconds: boolean): string {
  const date = new Date(Math.floor(time / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${two(date.getDate())}-${months[date.getMonth()]}-${date.getFullYear()}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const fraction = microseconds ? `.${String(time % 1_000_000).padStart(6, '0')}` : '';
  return `[${day} ${clock}${fraction}]`;
}

/** What stands before the text of a message. */
export function linePrefix(parts: Omit<LineParts, 'text' | 'limit'>): string {
  const level = parts.level.toUpperCase();
  const at = parts.location;
  if (parts.style === 'syslog') {
    return at === undefined ? `[${level}] ` : `[${level}] ${at.function}(), line ${at.line}: `;
  }
  const stamp = timestamp(parts.time, at !== undefined);
  if (at === undefined) return `${stamp} ${level}: `;
  return `${stamp} ${level}: pid ${at.pid}, ${at.function}(), line ${at.line}: `;
}

/**
 * One line without its newline. A message that does not fit the buffer (2048 bytes), or that does not fit
 * `log_limit` once its error text is added, is cut to the smaller of the two less one byte and ends in `...`.
 * A message is one line whatever is in it.
 */
export function formatLine(parts: LineParts): Buffer {
  const line = Buffer.concat([Buffer.from(linePrefix(parts)), logLine(bytesOf(parts.text))]);
  if (line.length >= (parts.isBounded === true ? parts.limit : maxLineBytes)) return cut(line, parts.limit);
  if (parts.failure === undefined) return line;
  const { strerror, errno } = parts.failure;
  const whole = Buffer.concat([line, Buffer.from(`: ${strerror} (${errno})`)]);
  return whole.length >= Math.min(parts.limit, maxLineBytes) ? cut(whole, parts.limit) : whole;
}

function cut(line: Buffer, limit: number): Buffer {
  const length = Math.min(limit, maxLineBytes) - 1;
  const result = Buffer.from(line.subarray(0, length));
  result.write('...', result.length - 3, 'latin1');
  return result;
}

function bytesOf(text: LogText): Buffer {
  return typeof text === 'string'
    ? Buffer.from(text)
    : Buffer.from(text.buffer, text.byteOffset, text.byteLength);
}
