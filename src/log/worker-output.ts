/**
 * What workers write to stdout and stderr, as lines of the error log (fpm-behaviour 11.3 and 11.4). The bytes come
 * framed by the contract and are never searched for anything but newlines; the end of a request is a call. In a text log
 * what a terminal would obey is escaped, and counts as it is written.
 *
 * Lines are always written whole, also with `log_buffering = no`: the bytes are the same.
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
  /** How much the pool may say; all of it where there is none. */
  readonly voice?: Pick<PoolVoice, 'admits'>;
}

const level: Level = 'warning';
const newline = 0x0a;
/** The reference names no function for these lines, and monitoring of debug logs may know it so. */
const nowhere = { function: '(null)', line: 0 } as const;
/** A decorated line holds at least so much of the text, should the prefix alone fill `log_limit`. */
const minPieceBytes = 16;

/** The line that a worker is at. */
interface Unfinished {
  stream: OutputStream;
  bytes: Buffer;
  /** Of the request that wrote last; undefined where it is not known. */
  requestId: string | undefined;
  /** Something of this worker has been logged. */
  hasSpoken: boolean;
  /** Some of the line was dropped: so is the rest of it. */
  isTorn: boolean;
}

export class WorkerOutput {
  readonly #options: WorkerOutputOptions;
  readonly #workers = new Map<number, Unfinished>();

  constructor(options: WorkerOutputOptions) {
    this.#options = options;
  }

  /**
   * Takes bytes of a worker. Complete lines are logged, empty ones dropped, a line that fills `log_limit` goes
   * on in the next; a change of the stream ends the line.
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

  /** The request that wrote so far is over: its unfinished line is complete. */
  flush(pid: number): void {
    this.#finish(pid, '');
  }

  /** The worker has ended. What it said last is logged, and when that is all it ever said, so is its end. */
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

  /** Moves the worker's line, in as many pieces as `log_limit` asks for, to `lines`. */
  #take(pid: number, worker: Unfinished, lines: Buffer[], suffix = ''): void {
    const rest = this.#takeFullPieces(pid, worker, worker.bytes, lines);
    if (rest.length > 0) lines.push(this.#line(pid, worker, rest, suffix));
    worker.bytes = Buffer.alloc(0);
    worker.isTorn = false;
  }

  /** @returns what fits one line and may still grow */
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

  /** How much of a text a line has room for. */
  #usedOf(text: Buffer, room: number): number {
    return this.#options.log.format === 'json' ? wholeCharacters(text, room) : fitLogLine(text, room).used;
  }

  /** Bytes of text in one line: with prefix and quotes it has at most `log_limit` - 1, and a newline. */
  #room(pid: number, stream: OutputStream): number {
    const { log } = this.#options;
    // Of an object the text alone counts: what is around it does not depend on it.
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

/** The bytes from the next line on where the beginning of this one is missing. */
function withoutTorn(worker: Unfinished, bytes: Uint8Array): Uint8Array {
  if (!worker.isTorn) return bytes;
  const end = bytes.indexOf(newline);
  if (end < 0) return bytes.subarray(bytes.length);
  worker.isTorn = false;
  return bytes.subarray(end + 1);
}
