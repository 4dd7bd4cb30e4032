/** One request and its response, with the operations that all kinds of answers share. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorPage } from './pages.ts';

/** Time for which a client may continue to send an unwanted body before the connection is cut. */
const lingerMs = 2000;

/** Optional parts of an error page. */
export interface FailureDetails {
  /** The remedy. */
  readonly hint?: string;
  /** For the log, instead of the reason. */
  readonly logged?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Extra text for the log line. */
  readonly details: string[] = [];
  /** REQUEST_ID, when PHP handles the request. */
  requestId: string | undefined;
  /** Bytes of the response body so far. */
  bytes = 0;
  readonly #left = new AbortController();

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.response = response;
    response.on('close', () => {
      if (!response.writableFinished) this.#left.abort(new ClientLeft());
    });
    // `close` reports a reset by the client; an `error` event without a listener would end the process.
    response.on('error', () => {});
    request.on('error', () => {});
  }

  /** Aborted with a ClientLeft when the connection closes before the response ends. */
  get clientLeft(): AbortSignal {
    return this.#left.signal;
  }

  /** True while part of the request's body is unread. */
  get hasUnreadBody(): boolean {
    const { complete, headers } = this.request;
    // Without these fields the request has no body (RFC 9112, 6.3), even before Node reports its end.
    if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0)
      return false;
    return !complete;
  }

  /**
   * Sends part of the body.
   *
   * @returns a promise when the client has to catch up first; it rejects when the client leaves.
   */
  write(chunk: Uint8Array): void | Promise<void> {
    if (this.clientLeft.aborted) throw this.clientLeft.reason;
    this.bytes += chunk.length;
    if (!this.response.write(chunk)) return this.#drained();
  }

  /** Ends a response whose header has been sent. */
  async end(): Promise<void> {
    if (this.hasUnreadBody) await this.#linger();
    this.response.end();
  }

  /** Sends an error page. After the header it can only cut the connection. */
  async fail(status: number, reason: string, more: FailureDetails = {}): Promise<void> {
    this.details.push(more.logged ?? reason);
    const { request, response } = this;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    const page = Buffer.from(errorPage(status, reason, more.hint));
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    const unread = this.hasUnreadBody;
    response.writeHead(status, {
      ...more.headers,
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': page.length,
      'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
      'X-Content-Type-Options': 'nosniff',
      'Cache-Control': 'no-store',
      // The unread body would be parsed as the next request.
      ...(unread ? { Connection: 'close' } : {}),
    });
    response.write(page);
    if (request.method !== 'HEAD') this.bytes += page.length;
    await this.end();
  }

  /** Redirects the client permanently. */
  async redirect(location: string): Promise<void> {
    const { request, response } = this;
    request.resume();
    response.writeHead(301, { Location: location, 'Content-Length': 0 });
    response.end();
  }

  async #drained(): Promise<void> {
    await once(this.response, 'drain', { signal: this.clientLeft });
  }

  /**
   * Reads on for a while: a close while the client still sends would reset the connection before it reads the answer.
   */
  async #linger(): Promise<void> {
    this.request.resume();
    const enough = AbortSignal.any([AbortSignal.timeout(lingerMs), this.clientLeft]);
    await once(this.request, 'end', { signal: enough }).catch(() => undefined);
  }
}

/** The client closed the connection before the response was complete. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
  constructor() {
    super('the client closed the connection');
  }
}
