/**
 * The error log of the master: one class writes every line of it. Writes are synchronous, so the last lines before an
 * exit are never lost; a failure of the log never throws into the program.
 */
import { closeSync } from 'node:fs';
import { defaultLogLimit } from '../config/defaults.ts';
import { errorNumber } from '../posix/libc.ts';
import { wallClockMicroseconds } from '../posix/time.ts';
import { type Destination, LogDestination } from './destination.ts';
import { messageJson, type WorkerLine, workerJson } from './json-line.ts';
import { type Level, passes } from './levels.ts';
import {
  formatLine,
  type LineParts,
  type LineStyle,
  type Location,
  type LogText,
  linePrefix,
} from './line.ts';
import { callerLocation } from './location.ts';
import { openLogFile } from './open-file.ts';

export interface ErrorLogOptions {
  readonly level?: Level;
  /** `log_limit`, bytes. */
  readonly limit?: number;
  /** Standard error; another descriptor in tests. */
  readonly stderr?: number;
  /** Longest wait for a slow reader of stderr, ms: a server has less time than a command. */
  readonly patience?: number;
  /** Microseconds since the epoch; by default the system's clock. */
  readonly clock?: () => number;
  /** Receives every line in place of a file or stderr: for a master inside another program. */
  readonly sink?: LogSink;
}

/** One line without its newline; the origin `worker` means output of PHP workers. */
export type LogSink = (line: string, origin: 'master' | 'worker') => void;

/** `log_format`. */
export type LogFormat = 'text' | 'json';

const newline = Buffer.from('\n');

export class ErrorLog {
  #level: Level;
  #limit: number;
  #format: LogFormat = 'text';
  readonly #clock: () => number;
  readonly #sink: LogSink | undefined;
  readonly #destination: LogDestination;

  /** A new log writes to stderr until {@link open} is called. */
  constructor(options: ErrorLogOptions = {}) {
    this.#level = options.level ?? 'notice';
    this.#limit = options.limit ?? defaultLogLimit;
    this.#clock = options.clock ?? wallClockMicroseconds;
    this.#sink = options.sink;
    this.#destination = new LogDestination({
      stderr: options.stderr ?? 2,
      patience: options.patience,
      ownLine: (level, text) => this.#ownLine(level, text),
    });
  }

  get level(): Level {
    return this.#level;
  }

  /** `log_format`. */
  get format(): LogFormat {
    return this.#format;
  }

  /** `log_limit` in bytes. */
  get limit(): number {
    return this.#limit;
  }

  /** Descriptor of the open log file; undefined for syslog and before {@link open}. */
  get fd(): number | undefined {
    return this.#destination.fd;
  }

  /** The error of the last failed write; undefined while the log works. */
  get lastFailure(): unknown {
    return this.#destination.lastFailure;
  }

  /** Applies `log_level`, `log_limit` and `log_format` of a configuration. */
  configure(settings: { readonly level: Level; readonly limit: number; readonly format?: LogFormat }): void {
    this.#level = settings.level;
    this.#format = settings.format ?? 'text';
    this.#limit = settings.limit;
  }

  /**
   * Opens the destination for all further lines and closes an earlier one.
   *
   * @throws the error of open(2), after logging `failed to open error_log (PATH)`.
   */
  open(destination: Destination): void {
    this.plan(destination).commit();
  }

  /**
   * Opens a destination beside the current one. commit() makes it current, discard() closes it.
   *
   * @throws the error of open(2), after logging `failed to open error_log (PATH)`.
   */
  plan(destination: Destination): { commit(): void; discard(): void } {
    const fd = destination.kind === 'file' ? this.#openFile(destination.path) : undefined;
    return {
      commit: () => this.#destination.take(destination, fd),
      discard: () => {
        if (fd !== undefined) closeSync(fd);
      },
    };
  }

  /**
   * The sockets are bound: from now on messages of success go to the log alone, problems are still copied to stderr.
   */
  bound(): void {
    this.#destination.bound();
  }

  /**
   * Stops copying lines to stderr.
   *
   * @param tieStderr makes stderr refer to the log file, so that output of foreign code is kept too.
   */
  launched(tieStderr: boolean): void {
    this.#destination.launched(tieStderr);
  }

  /**
   * Reopens the log file by its path on the same descriptor (fpm-behaviour 5.8). On failure the old file stays in use,
   * and a line reports it.
   */
  reopen(): boolean {
    try {
      this.#destination.reopen((path) => this.#openFile(path));
    } catch {
      this.error('unable to re-opened error log file');
      return false;
    }
    this.notice('error log file re-opened');
    return true;
  }

  /** Closes the destination; later lines go to stderr. */
  close(): void {
    this.#destination.close();
  }

  debug(text: LogText): void {
    this.write('debug', text, this.debug);
  }

  notice(text: LogText): void {
    this.write('notice', text, this.notice);
  }

  /** Many notices, written at once. */
  notices(texts: readonly LogText[]): void {
    if (!passes('notice', this.#level)) return;
    const lines = texts.map((text) => this.#line('notice', text, this.notices));
    this.#deliver('notice', lines, 'master');
  }

  warning(text: LogText): void {
    this.write('warning', text, this.warning);
  }

  error(text: LogText): void {
    this.write('error', text, this.error);
  }

  alert(text: LogText): void {
    this.write('alert', text, this.alert);
  }

  /** A message, by default an error, with the text of a failed system call after it: `text: Permission denied (13)`. */
  sysError(text: LogText, error: unknown, level: Level = 'error'): void {
    const failure = errorNumber(error);
    const suffix = failure === undefined && error instanceof Error ? `: ${error.message}` : '';
    const whole = suffix === '' ? text : Buffer.concat([Buffer.from(text), Buffer.from(suffix)]);
    this.write(level, whole, this.sysError, { failure });
  }

  /**
   * One message whose level is a variable.
   *
   * @param inside the log's function that the program called; the debug form names the caller of that function.
   */
  write(
    level: Level,
    text: LogText,
    inside: (...args: never[]) => unknown = this.write,
    more: Pick<LineParts, 'failure' | 'details' | 'requestId' | 'isBounded'> = {},
  ): void {
    if (passes(level, this.#level)) this.#deliver(level, [this.#line(level, text, inside, more)], 'master');
  }

  #line(
    level: Level,
    text: LogText,
    inside: (...args: never[]) => unknown,
    more: Pick<LineParts, 'failure' | 'details' | 'requestId' | 'isBounded'> = {},
  ): Buffer {
    return messageLine({
      level,
      text,
      time: this.#clock(),
      limit: this.#limit,
      location: this.#level === 'debug' ? callerLocation(inside) : undefined,
      ...more,
      style: this.#style(),
    });
  }

  /**
   * A message with additional lines: with `log_format = json` they are part of it, otherwise the caller writes them.
   */
  explained(level: Level, text: LogText, details: readonly string[]): void {
    this.write(level, text, this.explained, { details: details.length === 0 ? undefined : details });
  }

  /** A foreign message: `log_limit` applies to the line, as to worker output. */
  ofStranger(level: Level, text: string): void {
    this.write(level, text, this.ofStranger, { isBounded: true });
  }

  /** A message about a request; `log_format = json` adds the request id if it has one. */
  aboutRequest(level: Level, text: LogText, requestId: string | undefined): void {
    this.write(level, text, this.aboutRequest, { requestId });
  }

  /** The current prefix of a message of that level; `at` is printed only at log_level debug. */
  prefix(level: Level, at: Omit<Location, 'pid'>): string {
    return linePrefix({
      level,
      time: this.#clock(),
      location: this.#level === 'debug' ? { pid: process.pid, ...at } : undefined,
      style: this.#style(),
    });
  }

  /** The current JSON line of a worker's output. */
  workerLine(line: Omit<WorkerLine, 'time'>): Buffer {
    return workerJson({ ...line, time: this.#clock() });
  }

  /** Writes complete lines (without newlines in them) to the destination if their level passes. */
  writeLines(level: Level, lines: readonly Uint8Array[]): void {
    if (passes(level, this.#level)) this.#deliver(level, lines, 'worker');
  }

  #deliver(level: Level, lines: readonly Uint8Array[], origin: 'master' | 'worker'): void {
    if (this.#sink === undefined) return this.#destination.write(level, lines);
    for (const line of lines) this.#sink(Buffer.from(line).toString('utf8'), origin);
  }

  #style(): LineStyle {
    if (this.#format === 'json') return 'json';
    return this.#destination.usesSyslog ? 'syslog' : 'file';
  }

  /** A line about the log itself, with its newline. */
  #ownLine(level: Level, text: string): Buffer {
    const style = this.#format === 'json' ? 'json' : 'file';
    const line = messageLine({ level, text, time: this.#clock(), limit: this.#limit, style });
    return Buffer.concat([line, newline]);
  }

  #openFile(path: string): number {
    try {
      return openLogFile(path);
    } catch (error) {
      this.sysError(`failed to open error_log (${path})`, error);
      throw error;
    }
  }
}

function messageLine(parts: LineParts): Buffer {
  return parts.style === 'json' ? messageJson(parts) : formatLine(parts);
}
