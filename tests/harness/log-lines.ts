/** Lines of a log as they arrive, from a stream or a growing file, with waiting for a line. */
import { EventEmitter } from 'node:events';
import {
  closeSync,
  existsSync,
  type FSWatcher,
  fstatSync,
  openSync,
  readSync,
  watch,
  writeFileSync,
} from 'node:fs';
import type { Readable } from 'node:stream';
import { within } from './waiting.ts';

/** Collects lines. A mark taken before an action lets a test wait for later lines. */
export class LogLines {
  readonly lines: string[] = [];
  readonly #events = new EventEmitter();
  #rest = '';
  #close: () => void = () => {};

  constructor() {
    this.#events.setMaxListeners(0);
  }

  /** Lines of a stream, such as a child's stderr. */
  static fromStream(stream: Readable): LogLines {
    const log = new LogLines();
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => log.#add(text));
    return log;
  }

  /** Lines of a file that others append to. Creates a missing file, to have something to watch. */
  static fromFile(path: string): LogLines {
    if (!existsSync(path)) writeFileSync(path, '');
    const log = new LogLines();
    const fd = openSync(path, 'r');
    let offset = 0;
    const read = (): void => {
      const size = fstatSync(fd).size;
      if (size <= offset) return;
      const chunk = Buffer.alloc(size - offset);
      const length = readSync(fd, chunk, 0, chunk.length, offset);
      offset += length;
      log.#add(chunk.toString('utf8', 0, length));
    };
    const watcher: FSWatcher = watch(path, read);
    read();
    log.#close = (): void => {
      watcher.close();
      read();
      closeSync(fd);
    };
    return log;
  }

  /** A position to wait from: only later lines count. */
  mark(): number {
    return this.lines.length;
  }

  /** The first matching line at or after `from`, present or future. */
  async waitFor(pattern: RegExp, from = 0, cap?: number): Promise<string> {
    const known = this.lines.slice(from).find((line) => pattern.test(line));
    if (known !== undefined) return known;
    const signal = new AbortController();
    const line = new Promise<string>((resolve) => {
      const look = (next: string): void => {
        if (pattern.test(next)) resolve(next);
      };
      this.#events.on('line', look);
      signal.signal.addEventListener('abort', () => this.#events.off('line', look));
    });
    try {
      return await within(line, () => `${pattern} in the log:\n${this.text()}`, cap);
    } finally {
      signal.abort();
    }
  }

  /** Number of matching lines. */
  count(pattern: RegExp): number {
    return this.lines.filter((line) => pattern.test(line)).length;
  }

  /** Everything so far, for messages. */
  text(): string {
    return this.lines.join('\n');
  }

  /** Stops watching; lines present by now have been read. */
  close(): void {
    this.#close();
    this.#close = () => {};
  }

  #add(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const line of parts) {
      this.lines.push(line);
      this.#events.emit('line', line);
    }
  }
}
