/**
 * Output that a worker of PHP-FPM would write to its own stdout and stderr: log lines without a timestamp, and the
 * script's output. The master gets it if catch_workers_output is on.
 */

import { type Level, passes } from '../../../log/levels.ts';
import { maxPayloadBytes } from '../../contract.ts';
import type { MasterLink } from './master-link.ts';

/** The worker of a line. */
export interface WorkerName {
  readonly slot: number;
  readonly pid: number;
  /** Id of its request; empty without one. */
  readonly requestId?: string;
}

export interface WorkerLogOptions {
  readonly isCaught: boolean;
  readonly limit: number;
  readonly level: Level;
}

export class WorkerLog {
  readonly #link: Pick<MasterLink, 'send'>;
  readonly #options: WorkerLogOptions;

  constructor(link: Pick<MasterLink, 'send'>, options: WorkerLogOptions) {
    this.#link = link;
    this.#options = options;
  }

  /** A message of the engine in a worker's name. */
  message(worker: WorkerName, level: Level, text: Uint8Array): void {
    if (!passes(level, this.#options.level)) return;
    this.output(worker, 'stderr', this.#line(level, text));
  }

  /** Bytes that a script wrote to php://stdout or php://stderr. */
  output({ slot, pid, requestId = '' }: WorkerName, stream: 'stdout' | 'stderr', bytes: Uint8Array): void {
    if (!this.#options.isCaught) return;
    const words = ['output', String(slot), String(pid), stream, ...(requestId === '' ? [] : [requestId])];
    for (let at = 0; at < bytes.length; at += maxPayloadBytes) {
      const piece = bytes.subarray(at, at + maxPayloadBytes);
      this.#link.send(words, piece);
    }
  }

  /** The request that wrote has ended, so an unfinished line is complete. */
  flush({ slot, pid }: WorkerName): void {
    if (this.#options.isCaught) this.#link.send(['flush', String(slot), String(pid)]);
  }

  /** A line beyond log_limit is cut and ends in three dots, as in PHP-FPM. */
  #line(level: Level, text: Uint8Array): Buffer {
    const line = Buffer.concat([Buffer.from(`${level.toUpperCase()}: `), text]);
    const limit = this.#options.limit - 1;
    if (line.length <= limit) return Buffer.concat([line, newline]);
    const cut = Buffer.from(line.subarray(0, limit));
    cut.write('...', limit - 3, 'latin1');
    return Buffer.concat([cut, newline]);
  }
}

const newline = Buffer.from('\n');
