/** The bytes of one line of the error log, fpm-behaviour 11.1 and 11.2; stateless, without output. */
import { logLine } from '../text/log-line.ts';
import type { Level } from './levels.ts';

/** Size of php-fpm's message buffer. */
export const maxLineBytes = 2048;

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** Place in the program that logged a message; printed only at log_level debug. */
export interface Location {
  readonly pid: number;
  readonly function: string;
  readonly line: number;
}

/** Text is written as UTF-8, bytes (from a request, for example) unchanged. */
export type LogText = string | Uint8Array;

export interface LineParts {
  readonly level: Level;
  readonly text: LogText;
  /** Microseconds since the epoch. */
  readonly time: number;
  /** `log_limit`. */
  readonly limit: number;
  /** Origin of the message, set at log_level debug. */
  readonly location?: Location | undefined;
  /** Error number and text of a failed system call. */
  readonly failure?: { readonly errno: number; readonly strerror: string } | undefined;
  /** Additional lines with place and remedy: shown only by the style `json`. */
  readonly details?: readonly string[] | undefined;
  /** The request that the message is about: shown only by the style `json`. */
  readonly requestId?: string | undefined;
  /** `log_limit` applies to this line even if it fits the buffer. */
  readonly isBounded?: boolean;
  readonly style: LineStyle;
}

/** `json` looks the same in a file and in syslog. */
export type LineStyle = 'file' | 'syslog' | 'json';

/** `[22-Nov-2026 14:53:34]` in local time, optionally with microseconds. */
export function timestamp(time: number, microseconds: boolean): string {
  const date = new Date(Math.floor(time / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${two(date.getDate())}-${months[date.getMonth()]}-${date.getFullYear()}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const fraction = microseconds ? `.${String(time % 1_000_000).padStart(6, '0')}` : '';
  return `[${day} ${clock}${fraction}]`;
}

/** The prefix of a message. */
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
 * One line without its newline. A message over the buffer (2048 bytes), or over `log_limit` with its error text, is cut
 * to the smaller limit minus one byte and ends in `...`. The result is one line, whatever the message contains.
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
