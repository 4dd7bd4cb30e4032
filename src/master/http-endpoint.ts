/**
 * A server of the master's own on a socket, across reloads: at `admin.listen` or its default place, or at
 * `metrics.listen`.
 */

import { closeSync, mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import type { AdminServerFactory, EndpointAccess, EndpointKind } from '../figures/admin-server.ts';
import type { AdminSource } from '../figures/admin-source.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { duplicate } from '../posix/descriptors.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import { Listener } from '../sockets/listener.ts';
import { ListenerError } from '../sockets/listener-error.ts';
import { adminListenSettings } from '../sockets/wanted-sockets.ts';

/** Address of the endpoint. */
export type EndpointTarget =
  /** On a socket of the listener set. */
  | { readonly kind: 'placed'; readonly listener: Listener; readonly access: EndpointAccess }
  /** Without `admin.listen`. */
  | { readonly kind: 'default' }
  | { readonly kind: 'off' };

/** No token is needed, because the socket's mode guards it. */
const guardedByMode: EndpointAccess = { token: undefined, admits: () => true };

export interface EndpointOptions {
  readonly kind: EndpointKind;
  readonly log: ErrorLog;
  readonly source: AdminSource;
  readonly createServer: AdminServerFactory;
  /** Path of the default socket; undefined where there is no place for it. */
  readonly place?: string | undefined;
  /** The socket there, of the master before. */
  readonly inherited?: Listener | undefined;
}

export class HttpEndpoint {
  readonly #options: EndpointOptions;
  readonly #log: ErrorLog;
  #listener: Listener | undefined;
  /** The same for a socket at the default place, which this object closes itself. */
  #own: Listener | undefined;
  #server: Server | undefined;
  /** Servers of earlier places with pending answers: the client that asked for the reload waits for its outcome. */
  readonly #leaving = new Set<Server>();
  #access: EndpointAccess = guardedByMode;
  #inherited: Listener | undefined;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#inherited = options.inherited;
  }

  /** The socket in use: of the listener set, or at the default place. */
  get listener(): Listener | undefined {
    return this.#listener;
  }

  /**
   * Moves to another place. On the same socket the server stays, with its connections. The default place is optional,
   * so its failure is only logged.
   *
   * @throws ListenerError, PosixError when out of descriptors
   */
  async plan(target: EndpointTarget): Promise<PlannedPart> {
    const isKept = target.kind === 'default' && this.#own?.isIntact() === true && this.#own.isReachable();
    if (isKept) return { commit: () => {}, discard: () => {} };
    const own = target.kind === 'default' ? await this.#openDefault() : undefined;
    const listener = target.kind === 'placed' ? target.listener : own;
    const access = target.kind === 'placed' ? target.access : guardedByMode;
    const isSame = listener === this.#listener;
    const fd = listener === undefined || isSame ? undefined : duplicateFor(listener, () => this.#giveUp(own));
    return {
      commit: () => {
        this.#access = access;
        if (!isSame) this.#replace(listener, own, fd);
      },
      discard: () => {
        if (fd !== undefined) closeSync(fd);
        this.#giveUp(own);
      },
    };
  }

  /** Cuts every connection. */
  close(): void {
    this.#replace(undefined, undefined, undefined);
    for (const server of this.#leaving) server.closeAllConnections();
  }

  /** The socket at the default place, if it is there. */
  get own(): Listener | undefined {
    return this.#own;
  }

  /** Accepts nothing more, and leaves its socket to another master; pending answers are still sent. */
  letGo(): void {
    this.#own = undefined;
    this.#replace(undefined, undefined, undefined);
  }

  /** An inherited one is the other master's as long as this one's plan is not in force. */
  #giveUp(own: Listener | undefined): void {
    if (own !== undefined && own !== this.#inherited) own.remove(this.#log);
  }

  /** A socket of the listener set stays open: the set closes it. */
  #replace(listener: Listener | undefined, own: Listener | undefined, fd: number | undefined): void {
    const old = this.#server;
    if (old !== undefined) {
      this.#leaving.add(old);
      old.close(() => this.#leaving.delete(old));
      old.closeIdleConnections();
    }
    this.#own?.remove(this.#log);
    if (this.#inherited !== own) this.#inherited?.remove(this.#log);
    this.#inherited = undefined;
    this.#own = own;
    this.#listener = listener;
    this.#server = fd === undefined ? undefined : this.#serve(fd);
    if (listener !== undefined) this.#log.debug(`${this.#options.kind} endpoint at '${listener.key}'`);
  }

  async #openDefault(): Promise<Listener | undefined> {
    const { place } = this.#options;
    if (place === undefined) {
      this.#log.debug('admin endpoint: none, because the runtime folder is missing: set admin.listen');
      return undefined;
    }
    try {
      const inherited = this.#inherited;
      if (inherited?.key === place && inherited.isIntact() && inherited.isReachable()) return inherited;
      mkdirSync(dirname(place), { recursive: true, mode: 0o755 });
      return await Listener.open(adminListenSettings(place), this.#log);
    } catch (error) {
      const why = error instanceof ListenerError ? error.line : (error as Error).message;
      this.#log.warning(`admin endpoint: ${why}; set admin.listen to another place, or to off`);
      return undefined;
    }
  }

  #serve(fd: number): Server {
    const { kind, source } = this.#options;
    const server = this.#options.createServer({
      kind,
      source,
      access: () => this.#access,
      onFault: (error) => this.#log.sysError(`${kind} endpoint: cannot answer`, error),
    });
    server.on('error', (error) => this.#log.sysError(`${kind} endpoint: cannot accept`, error));
    server.listen({ fd });
    return server;
  }
}

/** For the server, which closes its descriptor. @param giveUp called on failure */
function duplicateFor(listener: Listener, giveUp: () => void): number {
  try {
    return duplicate(listener.intactFd());
  } catch (error) {
    giveUp();
    throw error;
  }
}
