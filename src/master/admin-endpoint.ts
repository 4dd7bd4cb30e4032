/** `admin.listen`: the admin endpoint's server on a socket of the master, over reloads. */

import type { Server } from 'node:http';
import { createAdminServer } from '../admin/server.ts';
import type { AdminSource } from '../admin/snapshot.ts';
import type { ErrorLog } from '../log/error-log.ts';
import { duplicate } from '../posix/descriptors.ts';
import type { Listener } from './listener.ts';

export class AdminEndpoint {
  readonly #log: ErrorLog;
  readonly #source: AdminSource;
  #listener: Listener | undefined;
  #server: Server | undefined;
  #token: string | undefined;

  constructor(log: ErrorLog, source: AdminSource) {
    this.#log = log;
    this.#source = source;
  }

  /** The socket in use, which belongs to the set of listeners. */
  get listener(): Listener | undefined {
    return this.#listener;
  }

  /** Serves there from now on; on the same socket the server stays, and with it who is connected. */
  serve(listener: Listener | undefined, token: string | undefined): void {
    this.#token = listener?.kind === 'tcp' ? token : undefined;
    if (listener === this.#listener) return;
    this.close();
    this.#listener = listener;
    if (listener !== undefined) this.#server = this.#listen(listener);
  }

  close(): void {
    this.#server?.close();
    this.#server?.closeAllConnections();
    this.#server = undefined;
    this.#listener = undefined;
  }

  /** The server gets a descriptor of its own, which it closes. */
  #listen(listener: Listener): Server {
    const server = createAdminServer({
      source: this.#source,
      token: () => this.#token,
      onFault: (error) => this.#log.sysError('admin endpoint: cannot answer', error),
    });
    server.on('error', (error) => this.#log.sysError('admin endpoint: cannot accept', error));
    server.listen({ fd: duplicate(listener.fd) });
    this.#log.debug(`admin endpoint at '${listener.key}'`);
    return server;
  }
}
