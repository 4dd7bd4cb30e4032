/** The pool's socket: accepts connections, checks their peers and speaks FastCGI. */

import { createServer, type Server, Socket } from 'node:net';
import { ServerConnection } from '../../../fastcgi/server.ts';
import type { ServerHandler, ServerLimits } from '../../../fastcgi/server-api.ts';
import { duplicate, isHungUp, isOpenDescriptor } from '../../../posix/descriptors.ts';
import { getResourceLimit } from '../../../posix/limits.ts';
import { type AllowedClients, plainAddress } from '../../allowed-clients.ts';
import type { MasterLink } from './master-link.ts';
import type { RequestRouter } from './request-router.ts';

export interface HostFrontOptions {
  readonly listenFd: number;
  readonly backlog: number;
  readonly isTcp: boolean;
  readonly allowed: AllowedClients;
  readonly limits: Partial<ServerLimits>;
  readonly router: RequestRouter;
  readonly link: MasterLink;
}

/**
 * Time for the first request of a connection accepted right before a drain: it is still on its way. The client
 * connected in good faith, and closing the connection would lose the request.
 */
const firstRequestGraceMs = 5000;

/**
 * Idle connections are cheap, but each may be sending parameters. Four times the backlog exceeds the number of waiting
 * requests plus the connections that a few web servers keep.
 */
const leastConnections = 1024;

/** Descriptors reserved for scripts: files, sockets and uploads. */
const reservedDescriptors = 64;

/**
 * Number of connections within RLIMIT_NOFILE. Above it libuv silently closes every new one, and scripts could open no
 * file; a small limit is split in halves.
 */
function descriptorsForConnections(): number {
  const { soft } = getResourceLimit('nofile');
  if (soft < 0) return Number.MAX_SAFE_INTEGER;
  // Counted one by one: a chroot has no /proc. Descriptors are assigned from the lowest.
  let free = soft;
  for (let fd = 0; fd < Math.min(soft, 1024); fd++) if (isOpenDescriptor(fd)) free--;
  return Math.max(1, free - Math.min(reservedDescriptors, Math.floor(free / 2)));
}

interface Client {
  readonly connection: ServerConnection;
  /** Its first request has arrived. */
  hasSpoken: boolean;
}

/** For a negative listen.backlog; the kernel limits it to net.core.somaxconn. */
const longestBacklog = 65_535;

/** Silence of a half-closed client after which keep-alive probes start. */
const keepAliveMs = 15_000;

/** A client that has only ended its side may still wait for its answer. */
function hasLeft(socket: Socket): boolean {
  // Node has no public access to a connection's descriptor; without it the client counts as connected.
  const fd = (socket as unknown as { _handle?: { fd?: number } | null })._handle?.fd;
  return socket.readableEnded && fd !== undefined && fd >= 0 && isHungUp(fd);
}

export class HostFront {
  readonly #options: HostFrontOptions;
  readonly #server: Server;
  readonly #clients = new Set<Client>();
  #isDraining = false;
  #onEmpty: (() => void) | undefined;

  constructor(options: HostFrontOptions) {
    this.#options = options;
    // A web server may close its sending side after the request and still want the answer.
    this.#server = createServer({ allowHalfOpen: true, noDelay: options.isTcp }, (socket) =>
      this.#accept(socket),
    );
    this.#server.maxConnections = Math.min(
      Math.max(leastConnections, 4 * options.backlog),
      descriptorsForConnections(),
    );
    this.#server.once('drop', () => {
      const text = `more than ${this.#server.maxConnections} connections are open: further ones are closed`;
      options.link.log('warning', text);
    });
    this.#server.on('error', (error) => {
      options.link.log('error', `cannot accept connections: ${error.message}`);
    });
  }

  /** Starts accepting, unless it does already. The master has made the socket listen. */
  open(): void {
    if (this.#server.listening || this.#isDraining) return;
    // Listening again keeps the queue but sets its length, so the pool's own is repeated. With a descriptor Node takes
    // it from the second argument only, and replaces a negative one by 511.
    const { listenFd, backlog } = this.#options;
    // The server closes its descriptor when it stops.
    this.#server.listen({ fd: duplicate(listenFd) }, backlog < 0 ? longestBacklog : backlog);
  }

  /** Stops accepting until the next {@link open}. Accepted connections are served. */
  pause(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Serves a connection that somebody else has made. */
  give(fd: number): void {
    this.#serve(new Socket({ fd, readable: true, writable: true, allowHalfOpen: true }), '');
  }

  /** Stops accepting for good; resolves when every accepted connection has been served. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    if (this.#server.listening) this.#server.close();
    for (const client of this.#clients) if (client.hasSpoken) client.connection.closeWhenIdle();
    const timer = setTimeout(() => {
      for (const { connection } of this.#clients) connection.closeWhenIdle();
    }, firstRequestGraceMs);
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      if (this.#clients.size === 0) resolve();
    });
    clearTimeout(timer);
  }

  #accept(socket: Socket): void {
    const { allowed, link, isTcp } = this.#options;
    const address = isTcp ? socket.remoteAddress : undefined;
    // A TCP peer that has left has no address any more.
    if (isTcp && address === undefined) {
      socket.destroy();
      return;
    }
    if (!allowed.admits(address)) {
      const text = `Connection disallowed: IP address '${plainAddress(address ?? '')}' has been dropped.`;
      link.log('error', text);
      socket.destroy();
      return;
    }
    this.#serve(socket, address === undefined ? '' : plainAddress(address));
  }

  #serve(socket: Socket, remoteAddress: string): void {
    const { router, link, limits } = this.#options;
    const breakConnection = (): void => client?.connection.destroy();
    const isClientGone = (): boolean => hasLeft(socket);
    // Over TCP a half-closed client looks the same after it has gone; keep-alive makes the kernel ask.
    socket.on('end', () => socket.setKeepAlive(true, keepAliveMs));
    const handler: ServerHandler = {
      onRequest: (request) => {
        if (client !== undefined) this.#spoke(client);
        router.route(request, { remoteAddress, breakConnection, isClientGone });
      },
      onProtocolError: (error) => {
        const peer = remoteAddress === '' ? '' : ` from ${remoteAddress}`;
        link.log('notice', `a connection${peer} was closed: ${error.message}`);
      },
      onClose: () => {
        if (client !== undefined) this.#clients.delete(client);
        if (this.#clients.size === 0) this.#onEmpty?.();
      },
    };
    let client: Client | undefined;
    client = { connection: new ServerConnection(socket, handler, limits), hasSpoken: false };
    this.#clients.add(client);
  }

  #spoke(client: Client): void {
    client.hasSpoken = true;
    if (this.#isDraining) client.connection.closeWhenIdle();
  }
}
