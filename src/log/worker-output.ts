/**
 * Workers' stdout and stderr as lines of the error log (fpm-behaviour 11.3 and 11.4). The contract frames the bytes;
 * only newlines are searched in them, and the end of a request is a call. In a text log, characters that a terminal
 * would obey are escaped, and the escaped length counts.
 *
 * Lines are always written whole, even with `log_buffering = no`: the bytes are the same.
 */
import { fitLogLine, logLine, wholeCharacters } from '../text/log-line.ts';
import type { ErrorLog } from './error-log.ts';
import type { Level } from './levels.ts';
import type { PoolVoice } from './pool-voice.ts';

export type OutputStream = 'stdout' | 'stderr';

export interface WorkerOutputOptions {
  readonly log: ErrorLog;
  readonly pool: string;
  /** `decorate_workers_output`. */
  readonly decorate: boolean;
  /** Rate limit of the pool; undefined: no limit. */
  readonly voice?: Pick<PoolVoice, 'admits'>;
}

const level: Level = 'warning';
const newline = 0x0a;
/** php-fpm names no function for these lines, and monitoring of debug logs may rely on it. */
const nowhere = { function: '(null)', line: 0 } as const;
/** Minimum of text in a decorated line, in case the prefix alone fills `log_limit`. */
const minPieceBytes = 16;

/** A worker's unfinished line. */
interface Unfinished {
  stream: OutputStream;
  bytes: Buffer;
  /** Request of the last write; undefined when unknown. */
  requestId: string | undefined;
  /** A line of this worker has been logged. */
  hasSpoken: boolean;
  /** Part of the line was dropped, so the rest is dropped as well. */
  isTorn: boolean;
}

export class WorkerOutput {
  readonly #options: WorkerOutputOptions;
  readonly #workers = new Map<number, Unfinished>();

  constructor(options: WorkerOutputOptions) {
    this.#options = options;
  }

  /**
   * Takes output of a worker. Complete lines are logged, empty ones dropped; a line that fills `log_limit` continues in
   * the next one; a change of the stream ends the line.
   */
  write(pid: number, stream: OutputStream, bytes: Uint8Array, requestId?: string): void {
    const worker = this.#worker(pid, stream);
    const lines: Buffer[] = [];
    if (this.#options.voice?.admits(bytes) === false) {
      this.#take(pid, worker, lines);
      worker.isTorn = bytes.at(-1) !== newline;
      return this.#log(worker, lines);
    }
    if (worker.stream !== stream) {
      this.#take(pid, worker, lines);
      worker.stream = stream;
    }
    worker.requestId = requestId;
    let rest = Buffer.concat([worker.bytes, withoutTorn(worker, bytes)]);
    for (;;) {
      const end = rest.indexOf(newline);
      if (end < 0) break;
      worker.bytes = rest.subarray(0, end);
      this.#take(pid, worker, lines);
      rest = rest.subarray(end + 1);
    }
    worker.bytes = this.#takeFullPieces(pid, worker, rest, lines);
    this.#log(worker, lines);
  }

  /** The current request has ended, so its unfinished line is complete. */
  flush(pid: number): void {
    this.#finish(pid, '');
  }

  /** The worker has ended. Logs its last line, and its end if it wrote nothing else. */
  end(pid: number): void {
    const neverSpoke = this.#workers.get(pid)?.hasSpoken === false;
    this.#finish(pid, neverSpoke ? ', pipe is closed' : '');
    this.#workers.delete(pid);
  }

  #finish(pid: number, suffix: string): void {
    const worker = this.#workers.get(pid);
    if (worker === undefined) return;
    const lines: Buffer[] = [];
    this.#take(pid, worker, lines, suffix);
    this.#log(worker, lines);
  }

  #worker(pid: number, stream: OutputStream): Unfinished {
    let worker = this.#workers.get(pid);
    if (worker === undefined) {
      worker = { stream, bytes: Buffer.alloc(0), requestId: undefined, hasSpoken: false, isTorn: false };
      this.#workers.set(pid, worker);
    }
    return worker;
  }

  /** Moves the worker's line to `lines`, in pieces of at most `log_limit`. */
  #take(pid: number, worker: Unfinished, lines: Buffer[], suffix = ''): void {
    const rest = this.#takeFullPieces(pid, worker, worker.bytes, lines);
    if (rest.length > 0) lines.push(this.#line(pid, worker, rest, suffix));
    worker.bytes = Buffer.alloc(0);
    worker.isTorn = false;
  }

  /** @returns the rest, which fits one line and may still grow */
  #takeFullPieces(pid: number, worker: Unfinished, text: Buffer, lines: Buffer[]): Buffer {
    let rest = text;
    const room = this.#room(pid, worker.stream);
    for (;;) {
      const used = this.#usedOf(rest, room);
      if (used === rest.length) return rest;
      lines.push(this.#line(pid, worker, rest.subarray(0, used)));
      rest = rest.subarray(used);
    }
  }

  /** The part of a text that fits a line. */
  #usedOf(text: Buffer, room: number): number {
    return this.#options.log.format === 'json' ? wholeCharacters(text, room) : fitLogLine(text, room).used;
  }

  /** Bytes of text in one line: with prefix and quotes it has at most `log_limit` - 1, and a newline. */
  #room(pid: number, stream: OutputStream): number {
    const { log } = this.#options;
    // For an object only the text counts; the size of the rest does not depend on it.
    if (log.format === 'json') return log.limit;
    const around = this.#options.decorate ? this.#prefix(pid, stream).length + 1 : 0;
    return Math.max(log.limit - 1 - around, minPieceBytes);
  }

  #line(pid: number, { stream, requestId }: Unfinished, text: Buffer, suffix = ''): Buffer {
    const { decorate, log, pool } = this.#options;
    if (log.format === 'json') {
      return log.workerLine({ level, pool, pid, stream, text, decorate, requestId });
    }
    if (!this.#options.decorate) return logLine(text);
    return Buffer.concat([this.#prefix(pid, stream), logLine(text), Buffer.from(`"${suffix}`)]);
  }

  #prefix(pid: number, stream: OutputStream): Buffer {
    const { log, pool } = this.#options;
    return Buffer.from(`${log.prefix(level, nowhere)}[pool ${pool}] child ${pid} said into ${stream}: "`);
  }

  #log(worker: Unfinished, lines: readonly Buffer[]): void {
    if (lines.length === 0) return;
    worker.hasSpoken = true;
    this.#options.log.writeLines(level, lines);
  }
}

/** The bytes from the next line on, when the start of this line was dropped. */
function withoutTorn(worker: Unfinished, bytes: Uint8Array): Uint8Array {
  if (!worker.isTorn) return bytes;
  const end = bytes.indexOf(newline);
  if (end < 0) return bytes.subarray(bytes.length);
  worker.isTorn = false;
  return bytes.subarray(end + 1);
}
