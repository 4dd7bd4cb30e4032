/**
 * `pm.status_listen`: a second address of a pool for its status and ping pages. The master answers there itself,
 * so the pages need no PHP and are there when every worker is busy; scripts are never run on this address.
 */

import { closeSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import type { PoolConfig } from '../config/directives.ts';
import { ServerConnection } from '../fastcgi/server.ts';
import type { ServerRequest } from '../fastcgi/server-api.ts';
import { cgiResponse } from '../generation/status-page.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { duplicate } from '../posix/descriptors.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import type { Listener } from '../sockets/listener.ts';
import { type HeaderLine, pingHeaders, statusHeadHeaders } from '../status/render.ts';

/** What there is to tell of a pool. */
export interface StatusPages {
  /** Headers of every answer, as PHP gives them. */
  readonly firstHeaders: readonly HeaderLine[];
  /** The status page, as the bytes of a CGI response. */
  readonly page: (query: string) => Buffer | undefined;
}

/** By the name of the pool; undefined while no host serves it. */
export type StatusSource = (pool: string) => StatusPages | undefined;

/** A status address and whose pages are there. */
export type StatusAddress = readonly [pool: PoolConfig, listener: Listener];

/** The server on one of them, over reloads. */
interface StatusServer {
  pool: PoolConfig;
  readonly server: Server;
  readonly connections: Set<ServerConnection>;
}

/**
 * Connections of one address, the oldest of which gives way to a new one: a client that does not read its page, or says
 * nothing, keeps nobody out.
 */
const mostConnections = 64;
/** ms. Pages are asked for by web servers and probes of the same machine. */
const limits = { headerTimeout: 5_000, sendTimeout: 10_000, bodyTimeout: 5_000 } as const;

export class StatusListeners {
  readonly #log: ErrorLog;
  readonly #source: StatusSource;
  readonly #servers = new Map<Listener, StatusServer>();

  constructor(log: ErrorLog, source: StatusSource) {
    this.#log = log;
    this.#source = source;
  }

  /** The sockets in use, which belong to the set. */
  get listeners(): readonly Listener[] {
    return [...this.#servers.keys()];
  }

  /**
   * Other pages, or other addresses. A server on an address that stays goes on, with its connections.
   *
   * @throws ListenerError, PosixError when there is no descriptor for it
   */
  plan(wanted: readonly StatusAddress[]): PlannedPart {
    // A server closes its descriptor; the socket stays with the listener.
    const fds = new Map<Listener, number>();
    const discard = (): void => {
      for (const fd of fds.values()) closeSync(fd);
    };
    try {
      for (const [, listener] of wanted) {
        if (!this.#servers.has(listener)) fds.set(listener, duplicate(listener.intactFd()));
      }
    } catch (error) {
      discard();
      throw error;
    }
    return { commit: () => this.#commit(wanted, fds), discard };
  }

  close(): void {
    for (const listener of this.listeners) this.#end(listener);
  }

  #commit(wanted: readonly StatusAddress[], fds: ReadonlyMap<Listener, number>): void {
    const pools = new Map(wanted.map(([pool, listener]) => [listener, pool]));
    for (const [listener, server] of this.#servers) {
      const pool = pools.get(listener);
      if (pool === undefined) this.#end(listener);
      else server.pool = pool;
    }
    for (const [pool, listener] of wanted) {
      const fd = fds.get(listener);
      if (fd !== undefined) this.#servers.set(listener, this.#serve(pool, fd));
    }
  }

  #end(listener: Listener): void {
    const ending = this.#servers.get(listener);
    this.#servers.delete(listener);
    ending?.server.close();
    for (const connection of ending?.connections ?? []) connection.destroy();
  }

  #serve(first: PoolConfig, fd: number): StatusServer {
    const connections = new Set<ServerConnection>();
    const server = createServer((socket: Socket) => {
      const handler = {
        onRequest: (request: ServerRequest) => answer(serving.pool, request, this.#source),
        onProtocolError: ({ message }: Error) =>
          this.#log.notice(`[pool ${serving.pool.name}_status] ${message}`),
        onClose: () => connections.delete(connection),
      };
      const connection = new ServerConnection(socket, handler, limits);
      connections.add(connection);
      const [oldest] = connections;
      if (connections.size > mostConnections) oldest?.destroy();
    });
    const serving: StatusServer = { pool: first, server, connections };
    server.on('error', (error) =>
      this.#log.sysError(`[pool ${serving.pool.name}_status] cannot accept`, error),
    );
    server.listen({ fd });
    return serving;
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
