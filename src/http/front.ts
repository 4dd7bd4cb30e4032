/**
 * The HTTP server of `hathi serve`: static files from the document root, everything else to a FastCGI pool. It is for
 * development and small sites, and speaks plain HTTP/1.1.
 */

import { randomBytes } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type ConnectAddress, requestFastCgi } from '../fastcgi/client.ts';
import { encodeBinary } from '../text/binary.ts';
import { refuseByLength } from './body.ts';
import { docrootProbe } from './docroot.ts';
import { Exchange } from './exchange.ts';
import type { RequestRecord } from './log.ts';
import { cgiParams, type Endpoint, type Host, requestHost } from './params.ts';
import { type Action, type Probe, resolveTarget } from './resolve.ts';
import { type FastCgiRequester, runScript, type ScriptContext } from './script.ts';
import { sendStatic } from './static.ts';
import { parseTarget, type Target } from './target.ts';

// An import would load Node's WebSocket client with it: see admin/server.ts.
const { createServer } = process.getBuiltinModule('node:http');

/** Resource limits of a request. Times are milliseconds. */
export interface FrontLimits {
  /** Largest request body in bytes; PHP's own post_max_size applies in addition. */
  readonly maxBodyBytes: number;
  /** From the start of a request to the end of its header. */
  readonly headersTimeout: number;
  /** From the start of a request to the end of its body. */
  readonly requestTimeout: number;
  /** Between two requests of one connection. */
  readonly keepAliveTimeout: number;
  /** Longest silence of PHP; 0: no limit. */
  readonly responseTimeout: number;
}

/** 300 s for PHP is the usual value for nginx's fastcgi_read_timeout; the rest are Node's own defaults. */
export const defaultFrontLimits: FrontLimits = {
  maxBodyBytes: 1024 ** 3,
  headersTimeout: 60_000,
  requestTimeout: 300_000,
  keepAliveTimeout: 5_000,
  responseTimeout: 300_000,
};

export interface FrontOptions {
  readonly docroot: string;
  readonly host: string;
  /** 0 selects any free port. */
  readonly port: number;
  /** The pool's address. */
  readonly connect: ConnectAddress;
  readonly limits?: Partial<FrontLimits>;
  /** Called once a request, at the end of its response. */
  readonly onRequest?: (record: RequestRecord) => void;
  /** FastCGI's stderr, unmodified. */
  readonly onStderr?: (chunk: Uint8Array) => void;
  /** SERVER_SOFTWARE. */
  readonly software?: string;
  /** For tests; otherwise Hathi's own FastCGI client. */
  readonly client?: FastCgiRequester;
}

/** A running front. */
export interface Front {
  /** Base URL, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  readonly port: number;
  /** Real path of the document root. */
  readonly docroot: string;
  /**
   * Stops listening, lets running requests finish for `graceMs` milliseconds (default 0, Infinity for no limit) and
   * cuts the rest. Idempotent; the promise of every call resolves at the end.
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Starts the front.
 *
 * @throws the error of `realpath` when the document root is missing, or of `listen` (EADDRINUSE, EACCES, …).
 */
export async function startFront(options: FrontOptions): Promise<Front> {
  const docroot = await realpath(options.docroot);
  const limits = { ...defaultFrontLimits, ...options.limits };
  const handler = new Handler(docroot, limits, options);
  const server = createServer(
    { headersTimeout: limits.headersTimeout, requestTimeout: limits.requestTimeout },
    (request, response) => handler.handle(request, response),
  );
  server.keepAliveTimeout = limits.keepAliveTimeout;
  server.on('checkContinue', (request, response) => handler.handleExpecting(request, response));
  await listen(server, options.port, options.host);
  const { port } = server.address() as { port: number };
  let stopped: Promise<void> | undefined;
  return {
    url: `http://${options.host.includes(':') ? `[${options.host}]` : options.host}:${port}`,
    port,
    docroot,
    stop(graceMs = 0) {
      stopped ??= stopServer(server, handler, graceMs);
      return stopped;
    },
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function stopServer(server: Server, handler: Handler, graceMs: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeIdleConnections();
  const grace = Promise.withResolvers<void>();
  // A timer is limited to 31 bits of milliseconds.
  const timer = Number.isFinite(graceMs) ? setTimeout(grace.resolve, graceMs) : undefined;
  await Promise.race([handler.idle(), grace.promise]);
  clearTimeout(timer);
  // Browsers open connections in advance; Node counts them as idle only after their first byte.
  server.closeAllConnections();
  await closed;
}

/** Brings each request to its answer and its log record. */
class Handler {
  readonly #docroot: string;
  /** The document root as a binary string, for parameters. */
  readonly #binaryRoot: string;
  readonly #probe: Probe;
  readonly #limits: FrontLimits;
  readonly #options: FrontOptions;
  readonly #context: ScriptContext;
  #running = 0;
  #onIdle: (() => void) | undefined;

  constructor(docroot: string, limits: FrontLimits, options: FrontOptions) {
    this.#docroot = docroot;
    this.#binaryRoot = encodeBinary(docroot === '/' ? '' : docroot);
    this.#probe = docrootProbe(docroot);
    this.#limits = limits;
    this.#options = options;
    this.#context = {
      connect: options.connect,
      client: options.client ?? requestFastCgi,
      maxBodyBytes: limits.maxBodyBytes,
      responseTimeout: limits.responseTimeout,
      onStderr: options.onStderr ?? (() => {}),
    };
  }

  /** The client waits for `100 Continue`. If its size is refused, it need not upload at all. */
  handleExpecting(request: IncomingMessage, response: ServerResponse): void {
    if (!refuseByLength(request, this.#limits.maxBodyBytes)) response.writeContinue();
    this.handle(request, response);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const began = performance.now();
    const time = new Date();
    const exchange = new Exchange(request, response);
    this.#running++;
    response.on('close', () => {
      this.#record(exchange, time, performance.now() - began);
      this.#running--;
      if (this.#running === 0) this.#onIdle?.();
    });
    this.#answer(exchange).catch((error: Error) => {
      // When the client leaves, reading the body fails too; the record reports the client already.
      if (exchange.clientLeft.aborted || request.socket.destroyed) return;
      return exchange.fail(500, `The front failed: ${error.message}`);
    });
  }

  /** Fulfilled when no request is running. */
  idle(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  async #answer(exchange: Exchange): Promise<void> {
    const { request } = exchange;
    if (request.method === 'TRACE') return exchange.fail(405, 'TRACE is not allowed');
    const target = parseTarget(request.url ?? '');
    if ('status' in target) return exchange.fail(target.status, target.reason);
    const host = requestHost(target.authority, request.headersDistinct['host'] ?? []);
    if ('status' in host) return exchange.fail(host.status, host.reason);
    const action = await resolveTarget(target, this.#probe);
    return this.#act(exchange, action, target, host);
  }

  async #act(exchange: Exchange, action: Action, target: Target, host: Host): Promise<void> {
    switch (action.kind) {
      case 'static':
        return sendStatic(exchange, this.#docroot, action.path);
      case 'redirect':
        return exchange.redirect(action.location);
      case 'refuse':
        return exchange.fail(action.status, action.reason, action);
      case 'script':
        return this.#script(exchange, action, target, host);
      default:
        throw new Error(`cannot act on ${JSON.stringify(action)}`);
    }
  }

  #script(
    exchange: Exchange,
    { scriptName, pathInfo }: Extract<Action, { kind: 'script' }>,
    { uri, query }: Target,
    host: Host,
  ): Promise<void> {
    const { request } = exchange;
    const requestId = randomBytes(8).toString('hex');
    exchange.requestId = requestId;
    const paramsFor = (contentLength: number | undefined) =>
      cgiParams({
        method: request.method ?? 'GET',
        httpVersion: request.httpVersion,
        scheme: 'http',
        uri,
        query,
        docroot: this.#binaryRoot,
        scriptName,
        pathInfo,
        host,
        ...endpoints(request),
        contentLength,
        headers: request.headersDistinct as Record<string, string[]>,
        software: this.#options.software ?? 'hathi',
        requestId,
      });
    return runScript(exchange, paramsFor, this.#context);
  }

  #record(exchange: Exchange, time: Date, duration: number): void {
    const { request, response, requestId } = exchange;
    const left = exchange.clientLeft.aborted;
    const details = [...exchange.details];
    if (left && exchange.details.length === 0) details.push('the client left');
    this.#options.onRequest?.({
      time,
      method: request.method ?? '',
      uri: request.url ?? '',
      // 499 is nginx's status for a client that left before the response header.
      status: left && !response.headersSent ? 499 : response.statusCode,
      duration,
      bytes: exchange.bytes,
      details,
      ...(requestId === undefined ? {} : { id: requestId }),
    });
  }
}

function endpoints({ socket }: IncomingMessage): { remote: Endpoint; local: Endpoint } {
  return {
    remote: { address: plainAddress(socket.remoteAddress), port: socket.remotePort ?? 0 },
    local: { address: plainAddress(socket.localAddress), port: socket.localPort ?? 0 },
  };
}

/** A dual-stack socket writes IPv4 addresses as `::ffff:127.0.0.1`. */
function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=[0-9.]+$)/, '');
}
