/** The pool's socket: accepts connections, checks who they are, and speaks FastCGI on them. */

import { createServer, type Server, type Socket } from 'node:net';
import { ServerConnection } from '../../../fastcgi/server.ts';
import type { ServerHandler, ServerLimits } from '../../../fastcgi/server-api.ts';
import { isHungUp, isOpenDescriptor } from '../../../posix/descriptors.ts';
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
 * A connection that was accepted right before a drain has its request still on the way; it is given this long. The
 * client connected in good faith, and closing on it would be a lost request.
 */
const firstRequestGraceMs = 1000;

/**
 * Connections at rest cost little, but each may be sending parameters. Four times the backlog is more than the
 * requests that may wait and the connections that a few web servers keep.
 */
const leastConnections = 1024;

/** Descriptors that are left to the scripts: for files, sockets and uploads. */
const reservedDescriptors = 64;

/**
 * How many connections fit into RLIMIT_NOFILE. Beyond it libuv closes every new one without a word, and scripts
 * could open no file any more; a small limit is shared half and half.
 */
function descriptorsForConnections(): number {
  const { soft } = getResourceLimit('nofile');
  if (soft < 0) return Number.MAX_SAFE_INTEGER;
  // Counted one by one: in a chroot there is no /proc. Descriptors are given out from the lowest.
  let free = soft;
  for (let fd = 0; fd < Math.min(soft, 1024); fd++) if (isOpenDescriptor(fd)) free--;
  return Math.max(1, free - Math.min(reservedDescriptors, Math.floor(free / 2)));
}

interface Client {
  readonly connection: ServerConnection;
  /** A request of it has arrived. */
  hasSpoken: boolean;
}

/** For a negative listen.backlog; the kernel cuts it to net.core.somaxconn. */
const longestBacklog = 65_535;

/** How long a client that has ended its side may be silent before it is asked for. */
const keepAliveMs = 15_000;

/** A client that has ended its side only may still wait for its answer. */
function hasLeft(socket: Socket): boolean {
  // Node has no public way to a connection's descriptor; without it the client counts as there.
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
    // A web server may close its sending side after the request; the answer is still wanted.
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

  /** Starts accepting. The socket has been listening since the master made it. */
  open(): void {
    // Listening again keeps the queue but sets its length, so the pool's own has to be repeated.
    // Node takes it from the second argument only where there is a descriptor, and makes 511 of a negative one.
    const { listenFd, backlog } = this.#options;
    this.#server.listen({ fd: listenFd }, backlog < 0 ? longestBacklog : backlog);
  }

  /** Stops accepting for good, and resolves when every accepted connection has been served. */
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
    // A TCP peer that is gone already has no address any more.
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
    // Over TCP a client that has ended its side looks the same when it is gone; the kernel finds out by asking.
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
