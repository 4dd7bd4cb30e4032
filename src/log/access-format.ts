/**
 * `access.format`: compiled once, rendered for every request (fpm-behaviour 11.6).
 *
 * Strings are binary strings, one character a byte. Client data is escaped as nginx does, so a request cannot forge a
 * line or a field.
 */

import { formatLocalTime } from '../posix/time.ts';
import { asBinary, type BinaryString } from '../text/binary.ts';
import { logField, logFieldWithQuotes } from '../text/log-line.ts';
import type { RequestTexts } from '../text/request-texts.ts';

/** The values of one request. As in PHP-FPM, empty and missing values differ. */
export interface AccessValues extends RequestTexts {
  readonly pool: BinaryString;
  /** Pids of the worker (`%p`) and its parent (`%P`). */
  readonly pid: number;
  readonly parentPid: number;
  /** Peer's address, empty for a Unix socket (`%R` prints `-`). */
  readonly remoteAddress: BinaryString;
  /** Bytes of the request body. */
  readonly contentLength: number;
  /** Response status. */
  readonly status: number;
  /** Worker mode: `worker` when the booted application answered; otherwise `classic`. */
  readonly servedBy: 'worker' | 'classic';
  /** Peak memory of the script in bytes. */
  readonly memoryPeak: number;
  /** Microseconds from accept to the end of the script. */
  readonly duration: number;
  /** CPU time of the request in microseconds. */
  readonly cpuUser: number;
  readonly cpuSystem: number;
  /** Seconds since the epoch: when the request was accepted, and now. */
  readonly acceptedAt: number;
  readonly loggedAt: number;
  /** FastCGI parameters. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Response headers set by the script, in order. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
}

export interface AccessFormat {
  readonly ok: true;
  /** A line contains the request id, so every request needs one. */
  readonly usesRequestId: boolean;
  /** One line without its newline. */
  render(values: AccessValues): Buffer;
}

export interface RefusedAccessFormat {
  readonly ok: false;
  /** Texts for WARNING lines, before the ERROR `wrong format for access.format`. */
  readonly warnings: readonly string[];
}

const defaultTime = '%d/%b/%Y:%H:%M:%S %z';
/** Longest name between braces; a longer one is cut, as in php-fpm. */
const maxNameBytes = 128;

type Piece = (values: AccessValues) => string;
/** Compiles one code to a piece, or returns the text of a warning. */
type Code = (modifier: string) => Piece | string;

const orDash = (value: string): string => (value === '' ? '-' : value);

function cpuPercent(microseconds: number, duration: number): string {
  return (duration <= 0 ? 0 : (microseconds / duration) * 100).toFixed(2);
}

const cpu: ReadonlyMap<string, Piece> = new Map(
  Object.entries({
    total: (v: AccessValues) => cpuPercent(v.cpuUser + v.cpuSystem, v.duration),
    user: (v: AccessValues) => cpuPercent(v.cpuUser, v.duration),
    system: (v: AccessValues) => cpuPercent(v.cpuSystem, v.duration),
  }),
);

const seconds: Piece = (v) => (v.duration / 1_000_000).toFixed(3);
const milliseconds: Piece = (v) => (v.duration / 1000).toFixed(3);
const microseconds: Piece = (v) => String(Math.trunc(v.duration));
/** php-fpm has accepted the misspelt words for so long that configurations use them. */
const durations: ReadonlyMap<string, Piece> = new Map(
  Object.entries({
    seconds,
    milliseconds,
    milli: milliseconds,
    miliseconds: milliseconds,
    mili: milliseconds,
    microseconds,
    micro: microseconds,
  }),
);

const memoryIn =
  (unit: number): Piece =>
  (v) =>
    String(Math.trunc(v.memoryPeak / unit));
const memory: ReadonlyMap<string, Piece> = new Map(
  Object.entries({
    bytes: memoryIn(1),
    kilobytes: memoryIn(1024),
    kilo: memoryIn(1024),
    megabytes: memoryIn(1024 * 1024),
    mega: memoryIn(1024 * 1024),
  }),
);

/** A code with a modifier from a list of words, in any case. */
function choice(words: ReadonlyMap<string, Piece>, standard: string, warning: string): Code {
  return (modifier) =>
    words.get((modifier === '' ? standard : modifier).toLowerCase()) ?? `${warning} ('${modifier}')`;
}

/** A code without a modifier. */
function plain(code: string, piece: Piece): Code {
  return (modifier) => (modifier === '' ? piece : `embrace is not allowed for modifier %${code}`);
}

/** A strftime time. Lines of the same second share the formatted text. */
function time(read: (values: AccessValues) => number): Code {
  return (modifier) => {
    const format = Buffer.from(modifier === '' ? defaultTime : modifier, 'latin1');
    let last: { second: number; text: string } | undefined;
    return (values) => {
      const second = Math.floor(read(values));
      if (last?.second !== second)
        last = { second, text: formatLocalTime(format, second).toString('latin1') };
      return last.text;
    };
  };
}

const parameter: Code = (name) =>
  name === ''
    ? 'the name of the environment variable must be set between embraces for %e'
    : (v) => logField(asBinary(v.parameters.get(name) ?? '-'));

const header: Code = (name) => {
  if (name === '') return 'the name of the header must be set between embraces for %o';
  const wanted = name.toLowerCase();
  return (v) =>
    logFieldWithQuotes(asBinary(v.headers.find(([key]) => key.toLowerCase() === wanted)?.[1] ?? '-'));
};

const codes: Readonly<Record<string, Code>> = {
  '%': plain('%', () => '%'),
  C: choice(cpu, 'total', "only 'total', 'user' or 'system' are allowed as a modifier for %C"),
  d: choice(
    durations,
    'seconds',
    "only 'seconds', 'milli', 'milliseconds', 'micro' or 'microseconds' are allowed as a modifier for %d",
  ),
  e: parameter,
  f: plain('f', (v) => orDash(logField(v.script))),
  l: plain('l', (v) => String(v.contentLength)),
  m: plain('m', (v) => orDash(logField(v.method))),
  M: choice(
    memory,
    'bytes',
    "only 'bytes', 'kilo', 'kilobytes', 'mega' or 'megabytes' are allowed as a modifier for %M",
  ),
  n: plain('n', (v) => orDash(v.pool)),
  o: header,
  p: plain('p', (v) => String(v.pid)),
  P: plain('P', (v) => String(v.parentPid)),
  q: plain('q', (v) => logField(v.query)),
  Q: plain('Q', (v) => (v.query === '' ? '' : '?')),
  r: plain('r', (v) => logField(v.uri)),
  R: plain('R', (v) => orDash(v.remoteAddress)),
  s: plain('s', (v) => String(v.status)),
  t: time((v) => v.acceptedAt),
  T: time((v) => v.loggedAt),
  u: plain('u', (v) => logField(v.user)),
  // Hathi's own codes.
  I: plain('I', (v) => orDash(logField(v.requestId))),
  W: plain('W', (v) => v.servedBy),
};

/** Literal text, a code without modifier, codes with one or several modifiers (the last one counts), a lone `%`. */
const token = /([^%]+)|%((?:\{[^}]*\})*)([^{])|%((?:\{[^}]*\})*\{?.*)/gsy;

/**
 * Compiles an `access.format`. A lone `%` at the end prints nothing, as in php-fpm.
 *
 * @param format a binary string, as in the configuration file.
 */
export function compileAccessFormat(format: string): AccessFormat | RefusedAccessFormat {
  const pieces: Piece[] = [];
  let usesRequestId = false;
  for (const match of format.matchAll(token)) {
    const [, literal, modifiers, code, broken] = match;
    if (literal !== undefined) pieces.push(() => literal);
    else if (code === undefined) {
      if (broken !== '') return refused('missing closing embrace in the access.format');
    } else {
      const made = codes[code]?.(lastModifier(modifiers ?? ''));
      if (made === undefined) return refused(`Invalid token in the access.format (%${code})`);
      if (typeof made === 'string') return refused(made);
      pieces.push(made);
      usesRequestId ||= code === 'I';
    }
  }
  return {
    ok: true,
    usesRequestId,
    render: (values) => Buffer.from(pieces.map((piece) => piece(values)).join(''), 'latin1'),
  };
}

function refused(warning: string): RefusedAccessFormat {
  return { ok: false, warnings: [warning] };
}

function lastModifier(modifiers: string): string {
  return modifiers.slice(modifiers.lastIndexOf('{') + 1, -1).slice(0, maxNameBytes);
}
