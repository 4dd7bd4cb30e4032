/** Parses the text of a value by its directive's type. The reasons are PHP-FPM's own words. */

import { atoi } from './integer.ts';

/** A parser's result: the value, or the reason for refusing it. */
export type Parsed<T> = { readonly value: T } | { readonly reason: string };

export const LOG_LEVELS = ['debug', 'notice', 'warning', 'error', 'alert'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const PROCESS_MANAGERS = ['static', 'dynamic', 'ondemand', 'auto'] as const;
export type ProcessManager = (typeof PROCESS_MANAGERS)[number];

export const ENGINES = ['auto', 'native', 'embedded'] as const;
export type EngineChoice = (typeof ENGINES)[number];

export const ISOLATIONS = ['worker', 'request'] as const;
export type Isolation = (typeof ISOLATIONS)[number];
export const HOST_STARTS = ['fork', 'exec'] as const;
export type HostStart = (typeof HOST_STARTS)[number];

export const SCHEDULERS = ['batch', 'other'] as const;
export type Scheduler = (typeof SCHEDULERS)[number];

export const EXIT_CHOICES = ['reboot', 'keep'] as const;
export type ExitChoice = (typeof EXIT_CHOICES)[number];

export const SLOWLOG_FORMATS = ['compat', 'detailed'] as const;
export type SlowlogFormat = (typeof SLOWLOG_FORMATS)[number];

export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** syslog(3) facilities with their numbers on Linux and the BSDs. */
export const FACILITIES: Readonly<Record<string, number>> = {
  KERN: 0,
  USER: 8,
  MAIL: 16,
  DAEMON: 24,
  AUTH: 32,
  SYSLOG: 40,
  LPR: 48,
  NEWS: 56,
  UUCP: 64,
  CRON: 72,
  AUTHPRIV: 80,
  FTP: 88,
  ...Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`LOCAL${index}`, (16 + index) * 8])),
};

const TRUE_WORDS: ReadonlySet<string> = new Set(['1', 'yes', 'true', 'on']);
const FALSE_WORDS: ReadonlySet<string> = new Set(['', '0', 'no', 'none', 'false', 'off']);
const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const POWERS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Digits with an optional minus; empty is 0. */
export function parseInteger(text: string): Parsed<number> {
  if (!/^-?[0-9]*$/.test(text)) return { reason: 'is not a valid number (greater or equal than zero)' };
  return { value: atoi(text) };
}

/**
 * Seconds, from a number with an optional `s`, `m`, `h` or `d`. Only the start of the number counts: as in PHP-FPM
 * `1.5m` is a minute and `abcs` is 0.
 */
export function parseTime(text: string): Parsed<number> {
  if (text === '') return { reason: 'invalid time value' };
  const last = text.slice(-1);
  const factor = SECONDS[last];
  if (factor !== undefined) return { value: Math.imul(factor, atoi(text.slice(0, -1))) };
  return /[0-9]/.test(last) ? { value: atoi(text) } : { reason: 'unknown suffix used in time value' };
}

/** True and false as the INI scanner returns them, and the lower-case words that arrive in quotes. */
export function parseBoolean(text: string): Parsed<boolean> {
  if (TRUE_WORDS.has(text)) return { value: true };
  return FALSE_WORDS.has(text) ? { value: false } : { reason: 'invalid boolean value' };
}

export function parseLogLevel(text: string): Parsed<LogLevel> {
  const lower = text.toLowerCase();
  return parseWord(lower === 'warn' ? 'warning' : lower, LOG_LEVELS, `invalid value for 'log_level'`);
}

/** Number of a facility. */
export function parseFacility(text: string): Parsed<number> {
  const name = text.toUpperCase();
  const value = Object.hasOwn(FACILITIES, name) ? FACILITIES[name] : undefined;
  return value === undefined ? { reason: 'invalid value' } : { value };
}

/** A core size; -1 for unlimited. */
export function parseCoreLimit(text: string): Parsed<number> {
  if (text.toLowerCase() === 'unlimited') return { value: -1 };
  const parsed = parseInteger(text);
  if ('value' in parsed && parsed.value < 0) return { reason: `must be greater than zero or 'unlimited'` };
  return parsed;
}

export function parseProcessManager(text: string): Parsed<ProcessManager> {
  return parseWord(text, PROCESS_MANAGERS, 'invalid process manager (static, dynamic or ondemand)');
}

export function parseEngine(text: string): Parsed<EngineChoice> {
  return parseWord(text, ENGINES, 'invalid engine (auto, native or embedded)');
}

export function parseIsolation(text: string): Parsed<Isolation> {
  return parseWord(text, ISOLATIONS, 'invalid isolation (worker or request)');
}

export function parseHostStart(text: string): Parsed<HostStart> {
  return parseWord(text, HOST_STARTS, 'invalid start of a host (fork or exec)');
}

export function parseScheduler(text: string): Parsed<Scheduler> {
  return parseWord(text, SCHEDULERS, 'invalid scheduling policy (batch or other)');
}

export function parseExitChoice(text: string): Parsed<ExitChoice> {
  return parseWord(text, EXIT_CHOICES, 'invalid choice for an exit (reboot or keep)');
}

export function parseSlowlogFormat(text: string): Parsed<SlowlogFormat> {
  return parseWord(text, SLOWLOG_FORMATS, 'invalid format of the slow log (compat or detailed)');
}

export function parseLogFormat(text: string): Parsed<LogFormat> {
  return parseWord(text, LOG_FORMATS, 'invalid format of a log (text or json)');
}

/** Bytes, from a whole number with an optional `K`, `M` or `G` (powers of 1024). */
export function parseBytes(text: string): Parsed<number> {
  const match = /^([0-9]{1,12})([kmg]?)$/i.exec(text);
  const value = Number(match?.[1]) * (POWERS[match?.[2]?.toLowerCase() ?? ''] ?? Number.NaN);
  if (!Number.isSafeInteger(value))
    return { reason: 'is not a size in bytes such as 512M (suffixes K, M and G)' };
  return { value };
}

/** A number of requests, or `auto`. */
export function parseRequests(text: string): Parsed<number | 'auto'> {
  return text.toLowerCase() === 'auto' ? { value: 'auto' } : parseInteger(text);
}

/** Replaces `$pool` by the pool's name, repeatedly, because a replacement may create a new one. */
export function parseString(text: string, pool: string | undefined): Parsed<string> {
  if (!text.includes('$pool')) return { value: text };
  if (pool === undefined) return { reason: `Can't use '$pool' when the pool is not defined` };
  // A name that contains `$pool` itself would be replaced for ever.
  if (pool.includes('$pool')) return { value: text.replaceAll('$pool', () => pool) };
  let value = text;
  while (value.includes('$pool')) value = value.replace('$pool', () => pool);
  return { value };
}

/** One of a list of words, in any case. */
function parseWord<T extends string>(text: string, words: readonly T[], reason: string): Parsed<T> {
  const lower = text.toLowerCase();
  const value = words.find((word) => word === lower);
  return value === undefined ? { reason } : { value };
}
