import type { Duplex } from 'node:stream';
import { ActiveRequest, type RequestConnection } from './active-request.ts';
import { errorCode, FastCgiError } from './errors.ts';
import type { RequestHead } from './request-head.ts';
import { defaultServerLimits, type ServerHandler, type ServerLimits } from './server-api.ts';
import { type ProtocolActions, ServerProtocol } from './server-protocol.ts';
import { StreamOutput } from './stream-output.ts';

export type { RoleName, ServerHandler, ServerLimits, ServerRequest } from './server-api.ts';
export { defaultServerLimits } from './server-api.ts';

/** Things that the connection waits for under a deadline. */
const wait = {
  nothing: 'nothing',
  /** The first byte of a new connection. */
  first: 'first',
  /** The next request of a kept connection. */
  next: 'next',
  /** The rest of a request's parameters. */
  header: 'header',
  /** A piece of the body. */
  body: 'body',
  /** The peer to read the rest of the response. */
  send: 'send',
  /** The peer's end, after the response has been sent. */
  linger: 'linger',
} as const;
type Wait = (typeof wait)[keyof typeof wait];

/**
 * The application side of one FastCGI connection over a duplex stream. Serves one request at a time, and further ones
 * if the client keeps the connection. The owner of a TCP socket disables Nagle's algorithm; half-open is enabled here,
 * because a client may end its side and still wait for the response.
 */
export class ServerConnection {
  readonly #stream: Duplex;
  readonly #handler: ServerHandler;
  readonly #limits: ServerLimits;
  readonly #protocol: ServerProtocol;
  readonly #output: StreamOutput;
  #request: ActiveRequest | undefined;
  #served = false;
  #drainAsked = false;
  #closing = false;
  #failed = false;
  #wait: Wait = wait.nothing;
  #timer: NodeJS.Timeout | undefined;
  #unsentAtTimer = 0;
  readonly #requestConnection: RequestConnection;

  constructor(stream: Duplex, handler: ServerHandler, limits: Partial<ServerLimits> = {}) {
    this.#stream = stream;
    this.#handler = handler;
    this.#limits = { ...defaultServerLimits, ...limits };
    this.#output = new StreamOutput(stream);
    this.#protocol = new ServerProtocol(this.#actions(), this.#limits);
    this.#requestConnection = {
      output: this.#output,
      bodyWanted: (wanted) => this.#onBodyWanted(wanted),
      requestEnded: () => this.#onRequestEnded(),
    };
    stream.allowHalfOpen = true;
    stream.on('data', (bytes: Uint8Array) => this.#onData(bytes));
    stream.on('end', () => this.#onInputEnd());
    stream.on('drain', () => this.#onDrain());
    stream.on('finish', () => this.#onFinish());
    // 'close' reports a reset by the client; an 'error' event without a listener would end the process.
    stream.on('error', () => {});
    stream.on('close', () => this.#onClose());
    this.#update();
  }

  /** True when no request is running or has started to arrive. */
  get isIdle(): boolean {
    return !this.#closing && this.#request === undefined && this.#protocol.isIdle;
  }

  /** Closes the connection after a running or arrived request, without reading another one. */
  closeWhenIdle(): void {
    if (this.#drainAsked) return;
    this.#drainAsked = true;
    // A request may already be in the socket's buffer, sent while the client saw the connection open. Two turns of the
    // check phase enclose a whole poll phase, which reads it.
    setImmediate(() => setImmediate(() => this.#closeIfIdle()));
  }

  /** Closes the connection at once: unsent bytes are lost, a running request gets onAbort. */
  destroy(): void {
    this.#stream.destroy();
  }

  #actions(): ProtocolActions {
    return {
      requestStarted: () => this.#handler.onRequestStart?.(),
      requestAbandoned: () => this.#handler.onRequestAbandoned?.(),
      request: (head) => this.#onRequest(head),
      bodyChunk: (bytes) => {
        if (this.#wait === wait.body) this.#timer?.refresh();
        this.#request?.deliver(bytes);
      },
      bodyEnd: (complete) => this.#request?.deliverEnd(complete),
      aborted: () => this.#onAbortRecord(),
      reply: (bytes, thenClose) => {
        this.#protocol.repliesBlocked = !this.#output.send([bytes]);
        if (thenClose) this.#close();
      },
      failed: (error) => this.#fail(error),
    };
  }

  #onData(bytes: Uint8Array): void {
    this.#protocol.push(bytes);
    this.#advance();
  }

  #onInputEnd(): void {
    this.#protocol.endInput();
    this.#advance();
    if (this.isIdle) this.#close();
  }

  #onDrain(): void {
    this.#protocol.repliesBlocked = false;
    this.#request?.drained();
    this.#advance();
  }

  #onFinish(): void {
    this.#close();
    this.#destroyIfDone();
    if (!this.#stream.destroyed) this.#setWait(wait.linger);
  }

  #onClose(): void {
    this.#closing = true;
    this.#protocol.close();
    this.#setWait(wait.nothing);
    this.#abortRequest();
    this.#handler.onClose();
  }

  #onRequest(head: RequestHead): void {
    this.#served = true;
    this.#request = new ActiveRequest(head, this.#requestConnection);
    this.#handler.onRequest(this.#request);
  }

  #onBodyWanted(wanted: boolean): void {
    if (wanted) this.#protocol.requestBody();
    else this.#protocol.bodyWanted = false;
    this.#update();
  }

  /** The application may answer the abort itself; if it does not, this ends the request for it. */
  #onAbortRecord(): void {
    const request = this.#request;
    request?.abort(true);
    request?.end();
  }

  #onRequestEnded(): void {
    this.#request = undefined;
    // The next answer waits until the peer has read this one: otherwise answers would pile up here, one request after
    // the other.
    if (this.#output.isFull) this.#protocol.repliesBlocked = true;
    if (this.#protocol.finishRequest(!this.#drainAsked)) this.#advance();
    else this.#close();
  }

  #closeIfIdle(): void {
    if (this.isIdle) this.#close();
  }

  /** Lets the protocol process its input, then updates reading and timers to match its state. */
  #advance(): void {
    this.#protocol.run();
    this.#update();
  }

  #update(): void {
    if (this.#closing) {
      this.#destroyIfDone();
      return;
    }
    if (this.#protocol.isBlocked) this.#stream.pause();
    else if (this.#stream.isPaused()) this.#stream.resume();
    const next = this.#currentWait();
    if (next !== this.#wait) this.#setWait(next);
  }

  #currentWait(): Wait {
    if (this.#protocol.isBlocked) return this.#protocol.repliesBlocked ? wait.send : wait.nothing;
    if (this.#protocol.phase === 'running') return this.#protocol.awaitsBody ? wait.body : wait.nothing;
    if (!this.#protocol.isIdle) return wait.header;
    return this.#served ? wait.next : wait.first;
  }

  /**
   * Ends our side after the unsent bytes. Reads on and discards input: closing a socket with unread input resets it,
   * and a reset can destroy a response that the peer has not read yet.
   */
  #close(): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#protocol.close();
    this.#abortRequest();
    this.#output.flush();
    this.#stream.end();
    this.#stream.resume();
    this.#setWait(wait.send);
  }

  #destroyIfDone(): void {
    if (this.#stream.writableFinished && this.#protocol.inputConsumed) this.#stream.destroy();
  }

  #abortRequest(): void {
    const request = this.#request;
    this.#request = undefined;
    request?.abort(false);
  }

  #fail(error: FastCgiError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#handler.onProtocolError(error);
    if (this.#output.used) this.#close();
    else this.#stream.destroy();
  }

  #setWait(next: Wait): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#wait = next;
    const duration = this.#duration(next);
    if (duration === 0) return;
    this.#unsentAtTimer = this.#output.pendingBytes;
    this.#timer = setTimeout(() => this.#onTimeout(), duration);
    this.#timer.unref();
  }

  #duration(which: Wait): number {
    switch (which) {
      case wait.nothing:
        return 0;
      case wait.first:
      case wait.header:
        return this.#limits.headerTimeout;
      case wait.next:
        return this.#limits.keepAliveTimeout;
      case wait.body:
        return this.#limits.bodyTimeout;
      case wait.send:
        return this.#limits.sendTimeout;
      case wait.linger:
        return this.#limits.lingerTimeout;
      default:
        throw new Error(`Cannot time a connection: unknown wait "${String(which)}"`);
    }
  }

  #onTimeout(): void {
    const limits = this.#limits;
    switch (this.#wait) {
      case wait.first:
      case wait.next:
        this.#close();
        return;
      case wait.linger:
        this.#stream.destroy();
        return;
      case wait.header:
        this.#fail(timeoutError(errorCode.headerTimeout, 'read the parameters', limits.headerTimeout));
        return;
      case wait.body:
        this.#fail(timeoutError(errorCode.bodyTimeout, 'read the body', limits.bodyTimeout));
        return;
      case wait.send:
        if (this.#output.pendingBytes < this.#unsentAtTimer) this.#setWait(wait.send);
        else this.#giveUpSending();
        return;
      default:
        throw new Error(`Cannot time out: unknown wait "${String(this.#wait)}"`);
    }
  }

  #giveUpSending(): void {
    if (!this.#failed) {
      this.#failed = true;
      this.#handler.onProtocolError(
        timeoutError(errorCode.sendTimeout, 'send the response', this.#limits.sendTimeout),
      );
    }
    this.#stream.destroy();
  }
}

function timeoutError(code: FastCgiError['code'], action: string, ms: number): FastCgiError {
  return new FastCgiError(code, `Cannot ${action}: no progress for "${ms}" ms`);
}
