/** Receives what the workers of an audit tell: a connection a worker, a line an event. */

import { chmodSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { parseReportLine, type ReportLine } from '../../audit/report-lines.ts';
import { type PoolName, poolNames } from './pools.ts';

/** An event of a pool's worker; `gone` when it has ended. */
export type WorkerEvent =
  | ReportLine
  | { readonly event: 'gone' }
  | { readonly event: 'broken'; readonly why: string };

/** Lines of values are long; this is more than a worker writes (native/php/audit_text.c). */
const longestLine = 300 * 1024 * 1024;

/** The events of one pool, in order. */
export class EventLine {
  readonly #events: WorkerEvent[] = [];
  #wake: (() => void) | undefined;

  add(event: WorkerEvent): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /**
   * The next event.
   *
   * @param signal its reason is thrown when it comes first
   */
  async next(signal: AbortSignal): Promise<WorkerEvent> {
    while (this.#events.length === 0) {
      signal.throwIfAborted();
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
      await promise;
    }
    return this.#events.shift()!;
  }
}

export class WorkerReports {
  readonly lines: Readonly<Record<PoolName, EventLine>> = { fresh: new EventLine(), warm: new EventLine() };
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#take(socket));
  }

  static async open(path: string): Promise<WorkerReports> {
    const reports = new WorkerReports();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    reports.#server.once('error', reject);
    reports.#server.listen(path, resolve);
    await promise;
    // The folder keeps everybody else out.
    chmodSync(path, 0o666);
    return reports;
  }

  #take(socket: Socket): void {
    this.#sockets.add(socket);
    let pieces: Buffer[] = [];
    let length = 0;
    let line: EventLine | undefined;
    const end = (text: string): void => {
      const event = readLine(text);
      if (event.event === 'worker') line = this.#lineOf(event.pool);
      line?.add(event);
      if (event.event === 'broken') socket.destroy();
    };
    socket.on('data', (chunk) => {
      let rest = chunk;
      for (let at = rest.indexOf(10); at !== -1; at = rest.indexOf(10)) {
        pieces.push(rest.subarray(0, at));
        end(Buffer.concat(pieces).toString('utf8'));
        rest = rest.subarray(at + 1);
        pieces = [];
        length = 0;
      }
      pieces.push(rest);
      length += rest.length;
      if (length > longestLine) socket.destroy();
    });
    // A worker that dies may reset the connection: that is its end, too.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      line?.add({ event: 'gone' });
    });
  }

  #lineOf(pool: string): EventLine | undefined {
    const name = poolNames.find((each) => each === pool);
    return name && this.lines[name];
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

function readLine(text: string): WorkerEvent {
  try {
    return parseReportLine(text);
  } catch (error) {
    return { event: 'broken', why: (error as Error).message };
  }
}
