/** The admin endpoint's server on a socket of the master, over reloads: at `admin.listen`, or at its default place. */

import { closeSync, mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import type { AdminServerFactory } from '../figures/admin-server.ts';
import type { AdminSource } from '../figures/snapshot.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { duplicate } from '../posix/descriptors.ts';
import type { PlannedPart } from '../runtime/planned-part.ts';
import { Listener } from '../sockets/listener.ts';
import { ListenerError } from '../sockets/listener-error.ts';
import { adminListenSettings } from '../sockets/listener-set.ts';

/** Where the endpoint is to be. */
export type AdminTarget =
  /** `admin.listen`, on a socket of the set of listeners. */
  | { readonly kind: 'placed'; readonly listener: Listener; readonly token: string | undefined }
  /** No `admin.listen`. */
  | { readonly kind: 'default' }
  | { readonly kind: 'off' };

export class AdminEndpoint {
  readonly #log: ErrorLog;
  readonly #createServer: AdminServerFactory;
  readonly #source: AdminSource;
  /** Path of the socket without `admin.listen`; undefined where there is no place for one. */
  readonly #place: string | undefined;
  #listener: Listener | undefined;
  /** The same where it is the one at the default place, which is nobody else's to close. */
  #own: Listener | undefined;
  #server: Server | undefined;
  /** Servers of earlier places that have answers to give: who asked for the reload that moves it waits for its outcome. */
  readonly #leaving = new Set<Server>();
  #token: string | undefined;

  constructor(
    log: ErrorLog,
    createServer: AdminServerFactory,
    source: AdminSource,
    place: string | undefined,
  ) {
    this.#log = log;
    this.#createServer = createServer;
    this.#source = source;
    this.#place = place;
  }

  /** The socket in use: one of the set of listeners, or the one at the default place. */
  get listener(): Listener | undefined {
    return this.#listener;
  }

  /**
   * Another place. On the same socket the server stays, and with it who is connected. Nobody asked for the default
   * place, so one that cannot be had is told and stops nothing.
   *
   * @throws ListenerError, PosixError when there is no descriptor for it
   */
  async plan(target: AdminTarget): Promise<PlannedPart> {
    const isKept = target.kind === 'default' && this.#own?.isIntact() === true && this.#own.isReachable();
    if (isKept) return { commit: () => {}, discard: () => {} };
    const own = target.kind === 'default' ? await this.#openDefault() : undefined;
    const listener = target.kind === 'placed' ? target.listener : own;
    const token = target.kind === 'placed' && listener?.kind === 'tcp' ? target.token : undefined;
    const isSame = listener === this.#listener;
    const fd = listener === undefined || isSame ? undefined : duplicateFor(listener, own, this.#log);
    return {
      commit: () => {
        this.#token = token;
        if (!isSame) this.#replace(listener, own, fd);
      },
      discard: () => {
        if (fd !== undefined) closeSync(fd);
        own?.remove(this.#log);
      },
    };
  }

  /** Cuts every connection. */
  close(): void {
    this.#replace(undefined, undefined, undefined);
    for (const server of this.#leaving) server.closeAllConnections();
  }

  /** A socket of the set of listeners stays open: it is the set that closes it. */
  #replace(listener: Listener | undefined, own: Listener | undefined, fd: number | undefined): void {
    const old = this.#server;
    if (old !== undefined) {
      this.#leaving.add(old);
      old.close(() => this.#leaving.delete(old));
      old.closeIdleConnections();
    }
    this.#own?.remove(this.#log);
    this.#own = own;
    this.#listener = listener;
    this.#server = fd === undefined ? undefined : this.#serve(fd);
    if (listener !== undefined) this.#log.debug(`admin endpoint at '${listener.key}'`);
  }

  async #openDefault(): Promise<Listener | undefined> {
    if (this.#place === undefined) {
      this.#log.debug('admin endpoint: none, since there is no runtime folder: set admin.listen');
      return undefined;
    }
    try {
      mkdirSync(dirname(this.#place), { recursive: true, mode: 0o755 });
      return await Listener.open(adminListenSettings(this.#place), this.#log);
    } catch (error) {
      const why = error instanceof ListenerError ? error.line : (error as Error).message;
      this.#log.warning(`admin endpoint: ${why}; set admin.listen to another place, or to off`);
      return undefined;
    }
  }

  #serve(fd: number): Server {
    const server = this.#createServer({
      source: this.#source,
      token: () => this.#token,
      onFault: (error) => this.#log.sysError('admin endpoint: cannot answer', error),
    });
    server.on('error', (error) => this.#log.sysError('admin endpoint: cannot accept', error));
    server.listen({ fd });
    return server;
  }
}

/** For the server, which closes its descriptor. */
function duplicateFor(listener: Listener, own: Listener | undefined, log: ErrorLog): number {
  try {
    return duplicate(listener.intactFd());
  } catch (error) {
    own?.remove(log);
    throw error;
  }
}
