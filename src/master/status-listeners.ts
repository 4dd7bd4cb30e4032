/**
 * `pm.status_listen`: a second address of a pool for its status and ping pages. The master answers there itself,
 * so the pages need no PHP and are there when every worker is busy; scripts are never run on this address.
 */

import { createServer, type Server, type Socket } from 'node:net';
import type { Configuration, PoolConfig } from '../config/directives.ts';
import { ServerConnection } from '../fastcgi/server.ts';
import type { ServerRequest } from '../fastcgi/server-api.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { duplicate } from '../posix/descriptors.ts';
import { type HeaderLine, pingHeaders, statusHeadHeaders } from '../status/render.ts';
import type { Listener } from './listener.ts';
import type { ListenerSet } from './listener-set.ts';
import { cgiResponse } from './status-page.ts';

/** What there is to tell of a pool. */
export interface StatusPages {
  /** Headers of every answer, as PHP gives them. */
  readonly firstHeaders: readonly HeaderLine[];
  /** The status page, as the bytes of a CGI response. */
  readonly page: (query: string) => Buffer | undefined;
}

/** By the name of the pool; undefined while no host serves it. */
export type StatusSource = (pool: string) => StatusPages | undefined;

interface OpenStatusListener {
  readonly server: Server;
  readonly connections: Set<ServerConnection>;
}

export class StatusListeners {
  readonly #log: ErrorLog;
  #open: OpenStatusListener[] = [];

  constructor(log: ErrorLog) {
    this.#log = log;
  }

  /**
   * Replaces the pages' servers by those of the configuration.
   *
   * @returns the sockets in use, which belong to the set
   * @throws MasterStartError when one cannot be had
   */
  async open(
    configuration: Configuration,
    listeners: ListenerSet,
    source: StatusSource,
  ): Promise<Listener[]> {
    const sockets: [PoolConfig, Listener][] = [];
    for (const pool of configuration.pools) {
      const address = pool['pm.status_listen'];
      if (address !== undefined) sockets.push([pool, await listeners.acquireAt(pool, address)]);
    }
    this.close();
    for (const [pool, listener] of sockets) this.#open.push(this.#serve(pool, listener, source));
    return sockets.map(([, listener]) => listener);
  }

  close(): void {
    for (const { server, connections } of this.#open) {
      server.close();
      for (const connection of connections) connection.destroy();
    }
    this.#open = [];
  }

  /** The server gets a descriptor of its own, which it closes; the socket stays with the listener. */
  #serve(pool: PoolConfig, listener: Listener, source: StatusSource): OpenStatusListener {
    const connections = new Set<ServerConnection>();
    const server = createServer((socket: Socket) => {
      const connection = new ServerConnection(socket, {
        onRequest: (request) => answer(pool, request, source),
        onProtocolError: (error) => this.#log.notice(`[pool ${pool.name}_status] ${error.message}`),
        onClose: () => connections.delete(connection),
      });
      connections.add(connection);
    });
    server.on('error', (error) => this.#log.sysError(`[pool ${pool.name}_status] cannot accept`, error));
    server.listen({ fd: duplicate(listener.intactFd()) });
    return { server, connections };
  }
}

function answer(pool: PoolConfig, request: ServerRequest, source: StatusSource): void {
  request.write(response(pool, new Map(request.params), source));
  request.end();
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
  // The reference answers it before it looks at the format.
  if (isHead) return cgiResponse([...first, ...statusHeadHeaders], '');
  return (
    pages?.page(params.get('QUERY_STRING') ?? '') ??
    Buffer.from('Status: 503 Service Unavailable\r\nContent-type: text/plain\r\n\r\nno host\n')
  );
}
