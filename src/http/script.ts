/** A request for PHP: converts HTTP to FastCGI, and the CGI response back to HTTP. */
import { CgiResponseParser } from '../fastcgi/cgi-response.ts';
import type { ConnectAddress, requestFastCgi } from '../fastcgi/client.ts';
import { errorCode, FastCgiError } from '../fastcgi/errors.ts';
import { type RequestBody, takeBody } from './body.ts';
import { ClientLeft, type Exchange } from './exchange.ts';
import { sendHead } from './head.ts';

/** Runs a FastCGI request. */
export type FastCgiRequester = typeof requestFastCgi;

/** Settings of the front for script requests. */
export interface ScriptContext {
  readonly connect: ConnectAddress;
  readonly client: FastCgiRequester;
  /** Largest request body in bytes. */
  readonly maxBodyBytes: number;
  /** Longest silence of PHP in milliseconds before the request is aborted; 0: no limit. */
  readonly responseTimeout: number;
  /** FastCGI's stderr, unmodified. */
  readonly onStderr: (chunk: Uint8Array) => void;
}

/** PHP was silent for too long. */
class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

/**
 * Runs the script and sends its response. Fulfilled at the end of the response.
 *
 * @param paramsFor - Makes the parameters once the body's length is known.
 */
export async function runScript(
  exchange: Exchange,
  paramsFor: (contentLength: number | undefined) => [string, string][],
  context: ScriptContext,
): Promise<void> {
  const body = await takeBody(exchange.request, context.maxBodyBytes);
  if ('status' in body) return exchange.fail(body.status, body.reason);
  try {
    await forward(exchange, paramsFor(body.length), body, context);
  } finally {
    await body.dispose();
  }
}

async function forward(
  exchange: Exchange,
  params: [string, string][],
  body: RequestBody,
  context: ScriptContext,
): Promise<void> {
  const patience = new Patience(context.responseTimeout);
  const relay = new Relay(exchange);
  try {
    patience.start();
    await context.client({
      connect: context.connect,
      params,
      body: body.chunks && patience.around(body.chunks),
      onStdout: (chunk) => patience.pausedFor(() => relay.take(chunk)),
      onStderr: context.onStderr,
      signal: AbortSignal.any([exchange.clientLeft, patience.signal]),
    });
    await relay.finish();
  } catch (error) {
    await explain(exchange, patience.signal.aborted ? patience.signal.reason : error);
  } finally {
    patience.end();
  }
}

/** Streams a CGI response to the client. */
class Relay {
  readonly #exchange: Exchange;
  readonly #parser = new CgiResponseParser();
  /** Body bytes left of PHP's Content-Length; undefined without one. */
  #left: number | undefined;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  take(chunk: Uint8Array): void | Promise<void> {
    const { head, body } = this.#parser.push(chunk);
    if (head) this.#left = sendHead(this.#exchange, head);
    if (body.length > 0) return this.#pass(body);
  }

  async finish(): Promise<void> {
    const { response, request } = this.#exchange;
    this.#parser.finish();
    if (this.#left !== undefined && this.#left > 0 && request.method !== 'HEAD') {
      // Only a cut connection tells the client that the response is incomplete.
      this.#exchange.details.push(`${this.#left} bytes short of its Content-Length`);
      response.destroy();
      return;
    }
    await this.#exchange.end();
  }

  /** Bytes beyond the announced length are dropped: the client would parse them as the next response. */
  #pass(body: Uint8Array): void | Promise<void> {
    if (this.#exchange.request.method === 'HEAD') return;
    const fits = this.#left === undefined ? body : body.subarray(0, this.#left);
    if (this.#left !== undefined) this.#left -= fits.length;
    if (fits.length > 0) return this.#exchange.write(fits);
  }
}

/** Detects a silent application. Time that the client needs does not count. */
class Patience {
  readonly #limit: number;
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  /** @param limit - Milliseconds; 0 disables it. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Starts or restarts the wait. */
  start(): void {
    if (this.#limit === 0 || this.#over) return;
    if (this.#timer !== undefined) {
      this.#timer.refresh();
      return;
    }
    const error = new NoAnswer(`PHP did not answer within ${this.#limit / 1000} s`);
    this.#timer = setTimeout(() => this.#controller.abort(error), this.#limit);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Stops for good: later start() calls are no-ops. */
  end(): void {
    this.#over = true;
    this.stop();
  }

  pausedFor(work: () => void | Promise<void>): void | Promise<void> {
    const pending = work();
    if (pending === undefined) return this.start();
    this.stop();
    return pending.then(() => this.start());
  }

  async *around(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    this.stop();
    for await (const chunk of chunks) {
      this.start();
      yield chunk;
      this.stop();
    }
    this.start();
  }
}

async function explain(exchange: Exchange, error: unknown): Promise<void> {
  if (exchange.clientLeft.aborted || exchange.request.socket.destroyed || error instanceof ClientLeft) return;
  if (error instanceof NoAnswer) {
    return exchange.fail(504, error.message, { hint: givenUpHint });
  }
  const { code, message } = rootFailure(error);
  switch (code) {
    case errorCode.connectFailed:
      return exchange.fail(502, `The PHP pool does not answer: ${message}`, { hint: poolHint });
    case errorCode.refused:
      return exchange.fail(502, `The PHP pool refused the request: ${message}`, { hint: poolHint });
    case errorCode.connectionLost:
    case errorCode.unexpectedEnd:
      return exchange.fail(502, `PHP went away during the request: ${message}`, { hint: crashHint });
    default:
      return exchange.fail(502, `PHP's response is invalid: ${message}`, { hint: crashHint });
  }
}

/** The client wraps an error that the relay threw as the cause of an abort. */
function rootFailure(error: unknown): { code: string | undefined; message: string } {
  if (!(error instanceof Error)) return { code: undefined, message: String(error) };
  const root = error.cause instanceof Error && codeOf(error) === errorCode.aborted ? error.cause : error;
  return { code: codeOf(root), message: root.message };
}

function codeOf(error: Error): string | undefined {
  return error instanceof FastCgiError ? error.code : undefined;
}

const givenUpHint = 'The request was aborted and its connection to the pool closed.';
const poolHint = 'It may be restarting. See the terminal in which the server runs.';
const crashHint = 'The script may have crashed. See the terminal in which the server runs.';
