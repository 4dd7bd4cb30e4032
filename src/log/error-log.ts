/**
 * The error log of the master: one class writes every line of it. Writes are synchronous, so the last lines before an
 * exit are never lost; a failure of the log never throws into the program.
 */
import { closeSync, fstatSync } from 'node:fs';
import { defaultLogLimit } from '../config/defaults.ts';
import { duplicateOnto, setCloseOnExec } from '../posix/descriptors.ts';
import { errorNumber } from '../posix/libc.ts';
import { closeSystemLog, openSystemLog, writeSystemLog } from '../posix/syslog.ts';
import { wallClockMicroseconds } from '../posix/time.ts';
import { failureText, LineWriter } from './file.ts';
import { messageJson, type WorkerLine, workerJson } from './json-line.ts';
import { type Level, passes, syslogPriority } from './levels.ts';
import {
  formatLine,
  type LineParts,
  type LineStyle,
  type Location,
  type LogText,
  linePrefix,
} from './line.ts';
import { callerLocation } from './location.ts';
import { isStandardStream, openLogFile } from './open-file.ts';
import { PersistentWriter } from './persistent-writer.ts';

/** Destination of lines once the configuration is known (fpm-behaviour 1.7). */
export type Destination =
  | {
      readonly kind: 'file';
      readonly path: string;
      /** Foreground on a terminal, or `-O`: the file is opened, but lines go to stderr. */
      readonly useStderr: boolean;
    }
  | {
      readonly kind: 'syslog';
      readonly ident: string;
      /** Number of syslog.h, such as 24 for LOG_DAEMON. */
      readonly facility: number;
      readonly useStderr: boolean;
    };

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
  readonly #stderr: number;
  readonly #patience: number | undefined;
  readonly #clock: () => number;
  readonly #sink: LogSink | undefined;
  #destination: Destination | undefined;
  #fileFd: number | undefined;
  #file: PersistentWriter | undefined;
  #standardError: LineWriter | undefined;
  /** Lines of this level and above are copied to stderr during a start; undefined ends that. */
  #copiedLevel: Level | undefined = 'notice';
  #tied = false;
  #stderrFailure: unknown;

  /** A new log writes to stderr until {@link open} is called. */
  constructor(options: ErrorLogOptions = {}) {
    this.#level = options.level ?? 'notice';
    this.#limit = options.limit ?? defaultLogLimit;
    this.#stderr = options.stderr ?? 2;
    this.#patience = options.patience;
    this.#clock = options.clock ?? wallClockMicroseconds;
    this.#sink = options.sink;
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
    return this.#fileFd;
  }

  /** The error of the last failed write; undefined while the log works. */
  get lastFailure(): unknown {
    return this.#file?.failure ?? this.#stderrFailure;
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
      commit: () => this.#take(destination, fd),
      discard: () => {
        if (fd !== undefined) closeSync(fd);
      },
    };
  }

  #take(destination: Destination, fd: number | undefined): void {
    this.#closeDestination();
    this.#destination = destination;
    if (destination.kind === 'syslog') {
      if (!destination.useStderr) openSystemLog(destination.ident, destination.facility);
      return;
    }
    this.#fileFd = fd;
    if (fd !== undefined && !destination.useStderr) this.#file = this.#fileWriter(fd);
  }

  /**
   * The sockets are bound: from now on messages of success go to the log alone, problems are still copied to stderr.
   */
  bound(): void {
    if (this.#copiedLevel !== undefined) this.#copiedLevel = 'warning';
  }

  /**
   * Stops copying lines to stderr.
   *
   * @param tieStderr makes stderr refer to the log file, so that output of foreign code is kept too.
   */
  launched(tieStderr: boolean): void {
    this.#copiedLevel = undefined;
    this.#tied = tieStderr;
    this.#tieStderr();
  }

  /**
   * Reopens the log file by its path on the same descriptor (fpm-behaviour 5.8). On failure the old file stays in use,
   * and a line reports it.
   */
  reopen(): boolean {
    const destination = this.#destination;
    try {
      if (destination?.kind === 'file' && !isStandardStream(destination.path)) {
        this.#replaceFile(destination.path);
      }
    } catch {
      this.error('unable to re-opened error log file');
      return false;
    }
    this.notice('error log file re-opened');
    return true;
  }

  /** Closes the destination; later lines go to stderr. */
  close(): void {
    this.#closeDestination();
    this.#destination = undefined;
  }

  debug(text: LogText): void {
    this.write('debug', text, this.debug);
  }

  notice(text: LogText): void {
    this.write('notice', text, this.notice);
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
    if (!passes(level, this.#level)) return;
    const line = messageLine({
      level,
      text,
      time: this.#clock(),
      limit: this.#limit,
      location: this.#level === 'debug' ? callerLocation(inside) : undefined,
      ...more,
      style: this.#style(),
    });
    this.#deliver(level, [line], 'master');
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
    if (this.#sink !== undefined) {
      for (const line of lines) this.#sink(Buffer.from(line).toString('utf8'), origin);
      return;
    }
    const bytes = Buffer.concat(lines.flatMap((line) => [line, newline]));
    if (this.#usesSyslog()) for (const line of lines) writeSystemLog(syslogPriority[level], line);
    else if (this.#file === undefined) this.#writeStderr(bytes);
    else this.#file.write(bytes, lines.length);
    const elsewhere = this.#usesSyslog() || this.#file !== undefined;
    const isCopied = this.#copiedLevel !== undefined && passes(level, this.#copiedLevel);
    if (elsewhere && isCopied && !this.#fileIsStderr()) this.#writeStderr(bytes);
  }

  #style(): LineStyle {
    if (this.#format === 'json') return 'json';
    return this.#usesSyslog() ? 'syslog' : 'file';
  }

  #usesSyslog(): boolean {
    return this.#destination?.kind === 'syslog' && !this.#destination.useStderr;
  }

  #fileWriter(fd: number): PersistentWriter {
    return new PersistentWriter(fd, {
      onFailure: (error) => this.#reportFailure(error),
      lossReport: (lines, error) =>
        this.#ownLine(
          'warning',
          `the error log could not be written, lines missing here: ${lines}: ${failureText(error)}`,
        ),
    });
  }

  /** Reported once: stderr may be on the same full disk. */
  #reportFailure(error: unknown): void {
    if (this.#fileIsStderr()) return;
    const path = this.#destination?.kind === 'file' ? this.#destination.path : '';
    const text = `cannot write the error log '${path}': ${failureText(error)}; lines are lost until it can be written`;
    this.#writeStderr(this.#ownLine('error', text));
  }

  /** A line about the log itself, with its newline. */
  #ownLine(level: Level, text: string): Buffer {
    const style = this.#format === 'json' ? 'json' : 'file';
    const line = messageLine({ level, text, time: this.#clock(), limit: this.#limit, style });
    return Buffer.concat([line, newline]);
  }

  /** A broken stderr cannot be reported anywhere, so the failure is only stored. */
  #writeStderr(bytes: Buffer): void {
    try {
      this.#standardError ??= new LineWriter(this.#stderr, this.#patience);
      this.#standardError.write(bytes);
      this.#stderrFailure = undefined;
    } catch (error) {
      this.#stderrFailure = error;
    }
  }

  /** True when log file and stderr are one open file: a copy would duplicate the line. */
  #fileIsStderr(): boolean {
    if (this.#fileFd === undefined) return false;
    try {
      const file = fstatSync(this.#fileFd);
      const stderr = fstatSync(this.#stderr);
      return file.dev === stderr.dev && file.ino === stderr.ino;
    } catch {
      // stderr is closed, so a copy is impossible as well.
      return true;
    }
  }

  #openFile(path: string): number {
    try {
      return openLogFile(path);
    } catch (error) {
      this.sysError(`failed to open error_log (${path})`, error);
      throw error;
    }
  }

  /** Keeps the descriptor's number, so that stderr and processes that share the descriptor follow. */
  #replaceFile(path: string): void {
    const fd = this.#openFile(path);
    if (this.#fileFd === undefined) throw new Error('the error log is a file and has no descriptor');
    duplicateOnto(fd, this.#fileFd);
    setCloseOnExec(this.#fileFd, true);
    closeSync(fd);
    if (this.#file !== undefined) this.#file = this.#fileWriter(this.#fileFd);
    this.#tieStderr();
  }

  #tieStderr(): void {
    if (this.#tied && this.#file !== undefined && this.#fileFd !== undefined) {
      duplicateOnto(this.#fileFd, this.#stderr);
      this.#standardError = undefined;
    }
  }

  #closeDestination(): void {
    if (this.#usesSyslog()) closeSystemLog();
    if (this.#fileFd !== undefined) closeSync(this.#fileFd);
    this.#fileFd = undefined;
    this.#file = undefined;
  }
}

function messageLine(parts: LineParts): Buffer {
  return parts.style === 'json' ? messageJson(parts) : formatLine(parts);
}
