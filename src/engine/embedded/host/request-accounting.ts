/** Records requests in the scoreboard and the access log. */

import type { AccessLog } from '../../../log/access-log.ts';
import type { RequestResult, ScoreboardWriter } from '../../../scoreboard/writer.ts';
import type { BinaryString } from '../../../text/binary.ts';
import type { Exchange } from './exchange.ts';
import type { WorkerName } from './worker-log.ts';

export class RequestAccounting {
  readonly #pool: BinaryString;
  readonly #scoreboard: ScoreboardWriter;
  readonly #accessLog: AccessLog | undefined;

  constructor(pool: BinaryString, scoreboard: ScoreboardWriter, accessLog: AccessLog | undefined) {
    this.#pool = pool;
    this.#scoreboard = scoreboard;
    this.#accessLog = accessLog;
  }

  /** A worker gets a request. */
  begin({ slot }: WorkerName, exchange: Exchange): void {
    this.#scoreboard.readingHeaders(slot, exchange.startedClock);
    this.#scoreboard.running(slot, exchange.information);
  }

  /** The worker's request has ended; the caller still sets its next state. */
  end({ slot }: WorkerName, result: RequestResult): void {
    // The slot already has an empty user, and leaving it out avoids a write of the strings.
    const { user, ...numbers } = result;
    this.#scoreboard.finishing(slot, user === undefined || user === '' ? numbers : result);
  }

  /** The response is complete and the script goes on. */
  goesOn({ slot }: WorkerName): void {
    this.#scoreboard.goesOn(slot);
  }

  /** Writes the line of the access log. */
  log({ pid }: WorkerName, exchange: Exchange, result: RequestResult): void {
    if (this.#accessLog === undefined) return;
    const values = exchange.accessValues({ ...result, user: result.user ?? '' });
    this.#accessLog.add({ ...values, pool: this.#pool, pid, parentPid: process.pid });
  }
}
