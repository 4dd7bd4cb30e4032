/**
 * One request from its parameters to the end of its response: what the client receives in which order, and what is
 * logged. The pool selects the worker and the time.
 */

import type { ServerRequest } from '../../../fastcgi/server-api.ts';
import type { AccessValues } from '../../../log/access-format.ts';
import { monotonicMicros } from '../../../scoreboard/clock.ts';
import type { RequestInformation } from '../../../scoreboard/writer.ts';
import { asBinary } from '../../../text/binary.ts';
import { type ParamTable, scriptParams } from '../../params.ts';
import { free, largeBytes } from '../shared/buffers.ts';
import type { FromThread, PhpRequest } from '../shared/protocol.ts';
import { Variables } from '../shared/variables.ts';
import type { Page, Pages } from './pages.ts';
import type { BodyBudget } from './request-body.ts';
import { RequestBody } from './request-body.ts';
import type { DoneMessage, WorkerHandle } from './worker-handle.ts';

/** Environment of an exchange. */
export interface ExchangeOptions {
  readonly request: ServerRequest;
  readonly information: RequestInformation;
  /** Peer's address, empty for a Unix socket. */
  readonly remoteAddress: string;
  readonly params: ParamTable;
  readonly pages: Pages;
  readonly budget: BodyBudget;
  /** fastcgi.logging: messages also go to the web server. */
  readonly logsToClient: boolean;
  /** Closes the connection without a proper end, so that the web server detects a truncated response. */
  readonly breakConnection: () => void;
  /** The client has closed its connection completely; the connection itself only reports that after a write. */
  readonly isClientGone: () => boolean;
  /** The client left before the answer was complete. */
  readonly onAbort: (exchange: Exchange) => void;
}

/** The script of a request, as PHP is told about it. */
export interface PreparedScript {
  readonly script: string;
  readonly phpSelf: string;
  /** A booted application handles it. */
  readonly isHandled: boolean;
}

/** Ends of a request other than by its script. */
export type Failure =
  | { readonly kind: 'timeout' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'crash' }
  | { readonly kind: 'executionTime'; readonly seconds: number };

/** FastCGI protocol status of END_REQUEST. */
const protocolOverloaded = 2;

let lastId = 0;

export class Exchange {
  readonly id = ++lastId;
  readonly information: RequestInformation;
  /** Seconds since 1970. */
  readonly acceptedAt = Date.now() / 1000;
  readonly #options: ExchangeOptions;
  readonly #request: ServerRequest;
  readonly #body: RequestBody;
  #worker: WorkerHandle | undefined;
  #startedClock = monotonicMicros();
  #script = '';
  #phpSelf = '';
  #servedBy: 'classic' | 'worker' = 'classic';
  /** The header by which `hathi request --verbose` knows who serves it; empty where it is not asked for. */
  #tellsServer = '';
  /** Unsent messages for FCGI_STDERR. */
  #messages: Uint8Array[] = [];
  #messagesSent = false;
  #head: Uint8Array | undefined;
  /** Output for which the worker has no credit yet, bytes. */
  #held = 0;
  /** Large output that was written and may still be in flight. */
  #written: ArrayBuffer[] = [];
  #isOver = false;
  #isClientGone = false;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.information = options.information;
    this.#request = options.request;
    this.#body = new RequestBody(options.request, options.budget);
    this.#request.onAbort = () => this.#aborted();
    this.#request.onDrain = () => this.#drained();
  }

  /** The client has its answer, or will never get one. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get script(): string {
    return this.#script;
  }

  /**
   * CLOCK_MONOTONIC in microseconds when a worker got the request. Waiting for a worker does not count, as in php-fpm,
   * where a waiting connection is not accepted yet. Without a worker, the arrival of the request.
   */
  get startedClock(): number {
    return this.#startedClock;
  }

  /** The sent header block, for the access log. */
  get head(): Uint8Array | undefined {
    return this.#head;
  }

  /** Reads the part of the body that must arrive before a worker is taken, then calls back. */
  prepare({ script, phpSelf, isHandled }: PreparedScript, onReady: () => void): void {
    this.#script = script;
    this.#phpSelf = phpSelf;
    this.#servedBy = isHandled ? 'worker' : 'classic';
    this.#body.gather(onReady);
  }

  /** Gives the request to an idle worker. @param requests that it will have served then, or since its boot */
  start(worker: WorkerHandle, requests: number): void {
    this.#worker = worker;
    if (this.#options.params.get('HATHI_VERBOSE') !== undefined) {
      this.#tellsServer = `X-Hathi-Served-By: ${this.#servedBy}; pid=${worker.pid}; requests=${requests}\r\n`;
    }
    this.#startedClock = monotonicMicros();
    const body = this.#body.takeComplete();
    worker.run(this.id, this.#phpRequest(body));
    if (body === undefined) this.#body.streamTo(worker);
  }

  /**
   * Checks whether the client is still connected, and tells the worker once when it is not. The script continues: PHP
   * decides whether it stops.
   */
  lookForClient(): void {
    if (this.#isOver || this.#isClientGone || !this.#options.isClientGone()) return;
    this.#isClientGone = true;
    this.#worker?.clientIsGone();
  }

  /** A message of the worker about this request, except `done`, which goes to {@link finish}. */
  take(message: Extract<FromThread, { type: 'head' | 'out' | 'finished' }>): void {
    switch (message.type) {
      case 'head':
        this.#writeHead(message.bytes);
        return;
      case 'out':
        this.#sendMessages();
        this.#freeWritten();
        if (this.#isOver || this.#write(message.bytes)) {
          this.#worker?.releaseOutput(message.bytes.length);
        } else {
          this.#held += message.bytes.length;
        }
        return;
      case 'finished':
        this.#end();
        return;
      default:
        throw new Error(`unknown message about a request: ${JSON.stringify(message satisfies never)}`);
    }
  }

  /** Adds a message for FCGI_STDERR; several are joined in PHP-FPM's way. */
  addMessage(text: Uint8Array): void {
    if (this.#options.logsToClient && !this.#isOver) this.#messages.push(text);
  }

  /** The script ended: the response is complete. */
  finish({ head, rest }: Pick<DoneMessage, 'head' | 'rest'>): void {
    if (!this.#isOver) {
      this.#sendMessages();
      const told = head === undefined ? '' : `${this.#tellsServer}${head}`;
      if (head !== undefined) this.#head = Buffer.from(told, 'latin1');
      const text = `${told}${rest}`;
      if (text !== '') this.#request.write(Buffer.from(text, 'latin1'));
    }
    this.#end();
    this.#worker = undefined;
  }

  /** Answers without PHP. */
  answer(page: Page): void {
    if (this.#isOver) return;
    this.#sendMessages();
    this.#head = page.head;
    this.#request.write(page.head);
    if (this.information.method !== 'HEAD' && page.body.length > 0) this.#request.write(page.body);
    this.#end();
  }

  /** It would wait too long. @param seconds delay for the client's next attempt */
  refuseBusy(seconds: number): void {
    this.#body.drop();
    this.answer(this.#options.pages.busy(seconds));
  }

  /** Too many requests are waiting. */
  refuseOverloaded(): void {
    this.#isOver = true;
    this.#body.drop();
    this.#request.end(0, protocolOverloaded);
  }

  /**
   * The worker was lost. A client without any output yet gets a proper answer, any other a cut connection: an orderly
   * end would make a truncated page look complete.
   *
   * @returns the status of the answer, or undefined without one.
   */
  fail(failure: Failure): number | undefined {
    this.#worker = undefined;
    this.#held = 0;
    if (this.#isOver) return undefined;
    if (this.#head !== undefined) {
      this.#sendMessages();
      this.#isOver = true;
      this.#body.drop();
      this.#options.breakConnection();
      return undefined;
    }
    const page = failurePage(this.#options.pages, failure);
    this.answer(page);
    return page.status;
  }

  /** Values for the access log. */
  accessValues(
    result: Pick<DoneMessage, 'status' | 'memoryPeak' | 'cpuMicros' | 'user'>,
  ): Omit<AccessValues, 'pool' | 'pid' | 'parentPid'> {
    const { information } = this;
    return {
      remoteAddress: asBinary(this.#options.remoteAddress),
      ...information,
      user: asBinary(result.user),
      servedBy: this.#servedBy,
      status: result.status,
      memoryPeak: result.memoryPeak,
      duration: monotonicMicros() - this.#startedClock,
      cpuUser: result.cpuMicros,
      cpuSystem: 0,
      acceptedAt: this.acceptedAt,
      loggedAt: Date.now() / 1000,
      parameters: this.#options.params.toMap(),
      headers: parseHead(this.#head),
    };
  }

  #phpRequest(body: Uint8Array<ArrayBuffer> | undefined): PhpRequest {
    const { params } = this.#options;
    const phpValue = params.get('PHP_VALUE');
    const phpAdminValue = params.get('PHP_ADMIN_VALUE');
    return {
      params: Variables.of(scriptParams(params, this.#phpSelf)),
      script: this.#script,
      // A client that promised more than it sent has ended its stream: PHP must not wait for the rest.
      contentLength: body?.length ?? this.#request.contentLength,
      ...(body === undefined || body.length === 0 ? {} : { body }),
      ...(phpValue === undefined ? {} : { phpValue }),
      ...(phpAdminValue === undefined ? {} : { phpAdminValue }),
    };
  }

  #writeHead(bytes: Uint8Array): void {
    this.#sendMessages();
    this.#head = this.#tellsServer === '' ? bytes : Buffer.concat([Buffer.from(this.#tellsServer), bytes]);
    this.#request.write(this.#head);
  }

  #write(bytes: Uint8Array): boolean {
    const hasRoom = this.#request.write(bytes);
    const { buffer } = bytes;
    if (buffer instanceof ArrayBuffer && buffer.byteLength >= largeBytes) this.#written.push(buffer);
    return hasRoom;
  }

  /**
   * Frees written buffers once the socket has nothing left to write: only then they are unused. A finished request
   * cannot tell; the garbage collector frees its last buffers.
   */
  #freeWritten(): void {
    if (this.#isOver || this.#written.length === 0 || this.#request.pendingBytes > 0) return;
    for (const buffer of this.#written) free(buffer);
    this.#written = [];
  }

  #sendMessages(): void {
    if (this.#messages.length === 0 || this.#isOver) return;
    const joined: Uint8Array[] = [];
    for (const message of this.#messages) {
      if (this.#messagesSent || joined.length > 0) joined.push(messageGlue);
      joined.push(message);
    }
    this.#messages = [];
    this.#messagesSent = true;
    this.#request.writeError(Buffer.concat(joined));
  }

  #end(): void {
    if (this.#isOver) return;
    this.#sendMessages();
    this.#isOver = true;
    this.#body.drop();
    this.#request.end();
    this.#drained();
  }

  #drained(): void {
    this.#freeWritten();
    const held = this.#held;
    this.#held = 0;
    if (held > 0) this.#worker?.releaseOutput(held);
  }

  #aborted(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#body.abandon();
    this.#worker?.clientIsGone();
    this.#drained();
    this.#options.onAbort(this);
  }
}

const messageGlue = Buffer.from('; ');

function failurePage(pages: Pages, failure: Failure): Page {
  switch (failure.kind) {
    case 'timeout':
      return pages.plain(504, 'The script took too long and was ended.\n');
    case 'executionTime':
      return pages.plain(500, '');
    case 'ended':
      return pages.plain(503, 'The worker was ended before the script was done.\n');
    case 'crash':
      return pages.plain(500, 'The worker that ran the script was lost.\n');
    default:
      throw new Error(`unknown failure ${JSON.stringify(failure satisfies never)}`);
  }
}

/** Header lines as name and value; skips the CGI status line. */
function parseHead(head: Uint8Array | undefined): [string, string][] {
  if (head === undefined) return [];
  const headers: [string, string][] = [];
  for (const line of Buffer.from(head.buffer, head.byteOffset, head.byteLength)
    .toString('latin1')
    .split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0 && !/^status$/i.test(line.slice(0, colon))) {
      headers.push([line.slice(0, colon), line.slice(colon + 1).trimStart()]);
    }
  }
  return headers;
}
