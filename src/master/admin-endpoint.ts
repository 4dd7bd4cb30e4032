/** The admin endpoint's server on a socket of the master, over reloads: at `admin.listen`, or at its default place. */

import { mkdirSync } from 'node:fs';
import type { Server } from 'node:http';
import { dirname } from 'node:path';
import { createAdminServer } from '../admin/server.ts';
import type { AdminSource } from '../admin/snapshot.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { duplicate } from '../posix/descriptors.ts';
import { Listener } from './listener.ts';
import { ListenerError } from './listener-error.ts';
import { adminListenSettings } from './listener-set.ts';

export class AdminEndpoint {
  readonly #log: ErrorLog;
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

  constructor(log: ErrorLog, source: AdminSource, place: string | undefined) {
    this.#log = log;
    this.#source = source;
    this.#place = place;
  }

  /** The socket in use: one of the set of listeners, or the one at the default place. */
  get listener(): Listener | undefined {
    return this.#listener;
  }

  /** Serves there from now on; on the same socket the server stays, and with it who is connected. */
  serve(listener: Listener | undefined, token: string | undefined): void {
    this.#token = listener?.kind === 'tcp' ? token : undefined;
    if (listener === this.#listener) return;
    this.#leave();
    this.#listener = listener;
    if (listener !== undefined) this.#server = this.#listen(listener);
  }

  /** Serves at the default place. Nobody asked for that, so a place that cannot be had is told and stops nothing. */
  async serveByDefault(): Promise<void> {
    if (this.#own?.isReachable() === true) return;
    const listener = await this.#openDefault();
    this.serve(listener, undefined);
    this.#own = listener;
  }

  /** Cuts every connection. */
  close(): void {
    this.#leave();
    for (const server of this.#leaving) server.closeAllConnections();
  }

  /** Accepts no more. A socket of the set of listeners stays open: it is the set that closes it. */
  #leave(): void {
    const server = this.#server;
    if (server !== undefined) {
      this.#leaving.add(server);
      server.close(() => this.#leaving.delete(server));
      server.closeIdleConnections();
    }
    this.#server = undefined;
    this.#own?.remove(this.#log);
    this.#own = undefined;
    this.#listener = undefined;
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

  /** The server gets a descriptor of its own, which it closes. */
  #listen(listener: Listener): Server {
    const server = createAdminServer({
      source: this.#source,
      token: () => this.#token,
      onFault: (error) => this.#log.sysError('admin endpoint: cannot answer', error),
    });
    server.on('error', (error) => this.#log.sysError('admin endpoint: cannot accept', error));
    server.listen({ fd: duplicate(listener.intactFd()) });
    this.#log.debug(`admin endpoint at '${listener.key}'`);
    return server;
  }
}
