/** One request and its response, with what every way of answering it needs. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorPage } from './pages.ts';

/** How long a client may go on sending a body that nobody wants before the connection is cut. */
const lingerMs = 2000;

/** What an error page may have beside status and reason. */
export interface FailureDetails {
  /** What to do about it. */
  readonly hint?: string;
  /** For the log, instead of the reason. */
  readonly logged?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** What the log line is to tell beside the figures. */
  readonly details: string[] = [];
  /** Set when PHP is to answer: what it is told as REQUEST_ID. */
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
    // A reset by the client is told by `close`; without a listener it would end the process.
    response.on('error', () => {});
    request.on('error', () => {});
  }

  /** Aborted with a ClientLeft when the connection ends before the response does. */
  get clientLeft(): AbortSignal {
    return this.#left.signal;
  }

  /** True while a part of the request's body is still to come. */
  get hasUnreadBody(): boolean {
    const { complete, headers } = this.request;
    // Without one of these fields there is no body (RFC 9112, 6.3), even if Node has not yet noticed the end.
    if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0)
      return false;
    return !complete;
  }

  /**
   * Sends a part of the body.
   *
   * @returns a promise when the client has to catch up first; it is rejected when the client leaves.
   */
  write(chunk: Uint8Array): void | Promise<void> {
    if (this.clientLeft.aborted) throw this.clientLeft.reason;
    this.bytes += chunk.length;
    if (!this.response.write(chunk)) return this.#drained();
  }

  /** Ends a response whose header was sent. */
  async end(): Promise<void> {
    if (this.hasUnreadBody) await this.#linger();
    this.response.end();
  }

  /** Answers with an error page. Harmless once a header was sent: then only the connection can be cut. */
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
      // A body that nobody read would be taken for the next request.
      ...(unread ? { Connection: 'close' } : {}),
    });
    response.write(page);
    if (request.method !== 'HEAD') this.bytes += page.length;
    await this.end();
  }

  /** Sends the client to another place for good. */
  async redirect(location: string): Promise<void> {
    const { request, response } = this;
    request.resume();
    response.writeHead(301, { Location: location, 'Content-Length': 0 });
    response.end();
  }

  async #drained(): Promise<void> {
    await once(this.response, 'drain', { signal: this.clientLeft });
  }

  /** Reads on for a while: closing on a client that still sends would reset it before it saw the answer. */
  async #linger(): Promise<void> {
    this.request.resume();
    const enough = AbortSignal.any([AbortSignal.timeout(lingerMs), this.clientLeft]);
    await once(this.request, 'end', { signal: enough }).catch(() => undefined);
  }
}

/** The client closed the connection before it had the whole response. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
  constructor() {
    super('the client closed the connection');
  }
}
