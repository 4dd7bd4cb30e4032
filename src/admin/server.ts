/** HTTP of the admin endpoint: limits, access, and one answer a request. */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AdminServerOptions, EndpointKind } from '../figures/admin-server.ts';
import { peerOf, refusal } from './access.ts';
import { type Answer, failure, type Route } from './answer.ts';
import { AdminConnections } from './connections.ts';
import { dashboardRoute } from './dashboard.ts';
import { probes } from './probes.ts';
import { routes } from './routes.ts';
import { parseInPieces } from './small-pieces.ts';

// An import would load Node's WebSocket client with it: 2 MB, and seven eighths of the time that it takes.
const { createServer } = process.getBuiltinModule('node:http');

/** Limits of a request, checked before buffering. Times are milliseconds, sizes bytes. */
export const adminLimits = {
  headBytes: 8192,
  /** Requests need no body. */
  bodyBytes: 4096,
  /** Maximum parsed at a time: the shortest request has 25 bytes. */
  pieceBytes: 256,
  /** Time for a request to arrive. */
  requestMs: 5000,
  /** Longest pause in both directions: the client does not read its answer. */
  idleMs: 10_000,
  /** Time for a client to read an answer. */
  sendMs: 30_000,
  /** Connections at a time. */
  at: { waiting: 64, graceMs: 100, crowd: 160, asking: 24, unread: 32, pipelined: 4 },
  /** Total, with room for those that come at once. The oldest one of a full state is closed before one is refused. */
  connections: 256,
  /** Time for an answer that the master itself waits for, such as the end of a reload. */
  answerMs: 120_000,
} as const;

/** Not listening yet. */
export function createAdminServer(options: AdminServerOptions): Server {
  const connections = new AdminConnections(adminLimits.at);
  const server = createServer(
    {
      maxHeaderSize: adminLimits.headBytes,
      headersTimeout: adminLimits.requestMs,
      requestTimeout: adminLimits.requestMs,
      keepAliveTimeout: adminLimits.idleMs,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => receive(request, response, { ...options, connections }),
  );
  server.maxConnections = adminLimits.connections;
  server.on('connection', (socket) => {
    connections.open(socket);
    parseInPieces(socket, adminLimits.pieceBytes);
  });
  server.setTimeout(adminLimits.idleMs);
  return server;
}

interface Answering extends AdminServerOptions {
  readonly connections: AdminConnections;
}

function receive(request: IncomingMessage, response: ServerResponse, options: Answering): void {
  const turn = options.connections.admit(request.socket, response);
  if (turn === undefined) return;
  let size = 0;
  // A client that leaves early is no error.
  request.on('error', () => response.destroy());
  response.on('error', () => response.destroy());
  request.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > adminLimits.bodyBytes && !response.headersSent) refuseBody(response);
  });
  request.on('end', () => {
    if (!response.headersSent) void answerLater(request, response, turn, options);
  });
}

async function answerLater(
  request: IncomingMessage,
  response: ServerResponse,
  before: Promise<void>,
  options: Answering,
): Promise<void> {
  const { socket } = request;
  await before;
  const turn = options.connections.begin(socket);
  if (turn === 'gone') return;
  response.setTimeout(adminLimits.answerMs);
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  const answered =
    turn === 'next'
      ? await answer(request, options, gone.signal)
      : failure(503, `more than ${adminLimits.at.asking} requests are being answered`);
  if (response.destroyed) return;
  response.setTimeout(adminLimits.idleMs);
  // Even if it reads byte by byte.
  const timer = setTimeout(() => socket.destroy(), adminLimits.sendMs);
  response.once('close', () => clearTimeout(timer));
  options.connections.answering(socket);
  send(request, response, answered);
}

function refuseBody(response: ServerResponse): void {
  const { status, type, body } = failure(413, `the body is over ${adminLimits.bodyBytes} bytes`);
  // The rest of the body is read and discarded: closing with unread input would reset the connection and lose the
  // answer.
  const length = Buffer.byteLength(body);
  response.writeHead(status, { 'content-type': type, 'content-length': length, connection: 'close' });
  response.end(body);
}

/** Never rejects. */
async function answer(
  request: IncomingMessage,
  options: AdminServerOptions,
  gone: AbortSignal,
): Promise<Answer> {
  try {
    const [path = '', search = ''] = splitOnce(request.url ?? '', '?');
    const route = routeAt(options.kind, path);
    const refused = refusedBy(request, options, route);
    if (refused !== undefined) return refused;
    if (route === undefined) return failure(404, 'no such path');
    const asked = request.method === 'HEAD' ? 'GET' : request.method;
    if (asked !== route.method) {
      return { ...failure(405, `this path takes ${route.method}`), headers: { allow: allowed(route) } };
    }
    const { accept } = request.headers;
    const peer = peerOf(request.socket);
    const isLocal = request.socket.remoteAddress === undefined;
    const query = new URLSearchParams(search);
    return await route.answer(options.source, { query, accept, peer, isLocal, gone });
  } catch (error) {
    options.onFault(error);
    return failure(500, 'the master could not answer; see its log');
  }
}

function routeAt(kind: EndpointKind, path: string): Route | undefined {
  if (kind === 'metrics') return Object.hasOwn(probes, path) ? probes[path] : undefined;
  return Object.hasOwn(routes, path) ? routes[path] : dashboardRoute(path);
}

/** Figures are for every admitted client, under any host name; everything else is for clients of this machine. */
function refusedBy(
  request: IncomingMessage,
  { kind, access }: AdminServerOptions,
  route: Route | undefined,
): Answer | undefined {
  const { token, admits } = access();
  if (!admits(request.socket.remoteAddress)) return failure(403, 'metrics.allowed_clients does not name you');
  return kind === 'metrics' ? undefined : refusal(request, route?.isOpen === true, token);
}

/** The header of a 405 (RFC 9110, 15.5.6). */
function allowed({ method }: Route): string {
  return method === 'GET' ? 'GET, HEAD' : method;
}

function send(request: IncomingMessage, response: ServerResponse, answered: Answer): void {
  const { status, type, body, headers } = answered;
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? '' : body);
}

function splitOnce(text: string, separator: string): string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}
