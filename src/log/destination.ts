/** Destination of the error log's lines: a file, syslog, stderr; during a start they are also copied to stderr. */
import { closeSync, fstatSync } from 'node:fs';
import { duplicateOnto, setCloseOnExec } from '../posix/descriptors.ts';
import { closeSystemLog, openSystemLog, writeSystemLog } from '../posix/syslog.ts';
import { failureText, LineWriter } from './file.ts';
import { type Level, passes, syslogPriority } from './levels.ts';
import { isStandardStream } from './open-file.ts';
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

export interface LogDestinationOptions {
  /** Standard error; another descriptor in tests. */
  readonly stderr: number;
  /** Longest wait for a slow reader of stderr, ms. */
  readonly patience: number | undefined;
  /** A line about the log itself, with its newline. */
  readonly ownLine: (level: Level, text: string) => Buffer;
}

const newline = Buffer.from('\n');

export class LogDestination {
  readonly #stderr: number;
  readonly #patience: number | undefined;
  readonly #ownLine: (level: Level, text: string) => Buffer;
  #destination: Destination | undefined;
  #fileFd: number | undefined;
  #file: PersistentWriter | undefined;
  #standardError: LineWriter | undefined;
  /** Lines of this level and above are copied to stderr during a start; undefined ends that. */
  #copiedLevel: Level | undefined = 'notice';
  #tied = false;
  #stderrFailure: unknown;

  /** stderr until take() is called. */
  constructor({ stderr, patience, ownLine }: LogDestinationOptions) {
    this.#stderr = stderr;
    this.#patience = patience;
    this.#ownLine = ownLine;
  }

  /** Descriptor of the open log file; undefined for syslog and before {@link take}. */
  get fd(): number | undefined {
    return this.#fileFd;
  }

  /** The error of the last failed write; undefined while the log works. */
  get lastFailure(): unknown {
    return this.#file?.failure ?? this.#stderrFailure;
  }

  get usesSyslog(): boolean {
    return this.#destination?.kind === 'syslog' && !this.#destination.useStderr;
  }

  /**
   * Makes a destination current and closes the previous one.
   *
   * @param fd the open file, if it is a file; owned by this object from now on
   */
  take(destination: Destination, fd: number | undefined): void {
    this.#close();
    this.#destination = destination;
    if (destination.kind === 'syslog') {
      if (!destination.useStderr) openSystemLog(destination.ident, destination.facility);
      return;
    }
    this.#fileFd = fd;
    if (fd !== undefined && !destination.useStderr) this.#file = this.#fileWriter(fd);
  }

  /** Problems are still copied to stderr. */
  bound(): void {
    if (this.#copiedLevel !== undefined) this.#copiedLevel = 'warning';
  }

  /**
   * Stops copying lines to stderr.
   *
   * @param tieStderr makes stderr refer to the log file
   */
  launched(tieStderr: boolean): void {
    this.#copiedLevel = undefined;
    this.#tied = tieStderr;
    this.#tieStderr();
  }

  /**
   * Reopens the log file by its path, on the same descriptor. On failure the old file stays in use.
   *
   * @throws the error of open(2)
   */
  reopen(open: (path: string) => number): void {
    const destination = this.#destination;
    if (destination?.kind !== 'file' || isStandardStream(destination.path)) return;
    this.#replaceFile(open(destination.path));
  }

  /** Later lines go to stderr. */
  close(): void {
    this.#close();
    this.#destination = undefined;
  }

  /** Writes lines without newlines. */
  write(level: Level, lines: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(lines.flatMap((line) => [line, newline]));
    if (this.usesSyslog) for (const line of lines) writeSystemLog(syslogPriority[level], line);
    else if (this.#file === undefined) this.#writeStderr(bytes);
    else this.#file.write(bytes, lines.length);
    const elsewhere = this.usesSyslog || this.#file !== undefined;
    const isCopied = this.#copiedLevel !== undefined && passes(level, this.#copiedLevel);
    if (elsewhere && isCopied && !this.#fileIsStderr()) this.#writeStderr(bytes);
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

  /** Keeps the descriptor's number, so that stderr and processes that share the descriptor follow. */
  #replaceFile(fd: number): void {
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

  #close(): void {
    if (this.usesSyslog) closeSystemLog();
    if (this.#fileFd !== undefined) closeSync(this.#fileFd);
    this.#fileFd = undefined;
    this.#file = undefined;
  }
}
