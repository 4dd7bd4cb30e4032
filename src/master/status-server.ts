/**
 * `pm.status_listen`: a second address of a pool for its status and ping pages. The master answers there itself, so the
 * pages need no PHP and answer while every worker is busy; scripts never run on this address.
 */

import { createServer, type Socket } from 'node:net';
import type { PoolConfig } from '../config/directives.ts';
import { ServerConnection } from '../fastcgi/server.ts';
import type { ServerRequest } from '../fastcgi/server-api.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { cgiResponse, type HeaderLine, pingHeaders, statusHeadHeaders } from '../status/render.ts';
import type { PoolServer } from './pool-endpoints.ts';

/** Data about a pool. */
export interface StatusPages {
  /** Headers of every answer, as PHP sends them. */
  readonly firstHeaders: readonly HeaderLine[];
  /** The status page, as the bytes of a CGI response. */
  readonly page: (query: string) => Buffer | undefined;
}

/** By pool name; undefined while no host serves it. */
export type StatusSource = (pool: string) => StatusPages | undefined;

/**
 * Maximum of connections per address; the oldest gives way to a new one: a client that does not read its page, or sends
 * nothing, keeps nobody out.
 */
const mostConnections = 64;
/** ms. Web servers and probes of the same machine ask for pages. */
const limits = { headerTimeout: 5_000, sendTimeout: 10_000, bodyTimeout: 5_000 } as const;

/** A server of status pages on a socket. */
export function serveStatus(
  fd: number,
  pool: () => PoolConfig,
  { source, log }: { readonly source: StatusSource; readonly log: ErrorLog },
): PoolServer {
  const connections = new Set<ServerConnection>();
  const server = createServer((socket: Socket) => {
    const handler = {
      onRequest: (request: ServerRequest) => answer(pool(), request, source),
      onProtocolError: ({ message }: Error) => log.notice(`[pool ${pool().name}_status] ${message}`),
      onClose: () => connections.delete(connection),
    };
    const connection = new ServerConnection(socket, handler, limits);
    connections.add(connection);
    const [oldest] = connections;
    if (connections.size > mostConnections) oldest?.destroy();
  });
  server.on('error', (error) => log.sysError(`[pool ${pool().name}_status] cannot accept`, error));
  server.listen({ fd });
  return {
    close: () => {
      server.close();
      for (const connection of connections) connection.destroy();
    },
  };
}

function answer(pool: PoolConfig, request: ServerRequest, source: StatusSource): void {
  request.write(response(pool, new Map(request.params), source));
  request.end();
}

/** The ping or status page; undefined for other requests. */
export function statusOrPing(
  pool: PoolConfig,
  params: ReadonlyMap<string, string>,
  source: StatusSource,
): Buffer | undefined {
  const uri = params.get('SCRIPT_NAME') ?? '';
  const isPage = uri !== '' && (uri === pool['ping.path'] || uri === pool['pm.status_path']);
  return isPage ? response(pool, params, source) : undefined;
}

function response(pool: PoolConfig, params: ReadonlyMap<string, string>, source: StatusSource): Buffer {
  const uri = params.get('SCRIPT_NAME') ?? '';
  const isHead = params.get('REQUEST_METHOD') === 'HEAD';
  const pages = source(pool.name);
  const first = pages?.firstHeaders ?? [];
  if (uri === pool['ping.path']) {
    return cgiResponse([...first, ...pingHeaders], isHead ? '' : (pool['ping.response'] ?? ''));
  }
  if (uri !== (pool['pm.status_path'] ?? '/')) {
    const status = ['Status', '404 Not Found'] as const;
    return cgiResponse([status, ...first, ['Content-type', 'text/html; charset=UTF-8']], 'File not found.\n');
  }
  // php-fpm answers it before it selects the format.
  if (isHead) return cgiResponse([...first, ...statusHeadHeaders], '');
  return (
    pages?.page(params.get('QUERY_STRING') ?? '') ??
    Buffer.from('Status: 503 Service Unavailable\r\nContent-type: text/plain\r\n\r\nno host\n')
  );
}
