import { ClientConnection, type ClientRequest, type ClientResult } from './client-connection.ts';
import type { ConnectAddress } from './client-socket.ts';
import { errorCode, FastCgiError } from './errors.ts';

export type { ClientRequest, ClientResult } from './client-connection.ts';
export type { ConnectAddress } from './client-socket.ts';

export interface ClientOptions {
  /** Asks the application to keep connections open, and reuses them. */
  readonly keepConnection?: boolean;
  /** Maximum of idle connections; further ones are closed. */
  readonly maxIdle?: number;
}

/**
 * Requests to one FastCGI application, each on its own connection or, with keepConnection, on one that an earlier
 * request left open.
 */
export class FastCgiClient {
  readonly #address: ConnectAddress;
  readonly #keepConnection: boolean;
  readonly #maxIdle: number;
  readonly #idle: ClientConnection[] = [];
  #closed = false;

  constructor(address: ConnectAddress, options: ClientOptions = {}) {
    this.#address = address;
    this.#keepConnection = options.keepConnection ?? false;
    this.#maxIdle = options.maxIdle ?? 8;
  }

  /**
   * Runs one request.
   * @returns after END_REQUEST.
   * @throws FastCgiError for every failure; its cause is the underlying error.
   */
  async request(request: ClientRequest): Promise<ClientResult> {
    const kept = this.#idle.pop();
    if (kept !== undefined) {
      try {
        return await this.#run(kept, request);
      } catch (error) {
        if (!isStale(error, kept, request)) throw error;
      }
    }
    const fresh = await ClientConnection.open(this.#address, this.#keepConnection, request.signal);
    return this.#run(fresh, request);
  }

  /** Closes idle connections now, and the others at the end of their request. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) connection.destroy();
  }

  async #run(connection: ClientConnection, request: ClientRequest): Promise<ClientResult> {
    connection.onClosed = undefined;
    connection.setIdle(false);
    const result = await connection.run(request);
    this.#keep(connection);
    return result;
  }

  #keep(connection: ClientConnection): void {
    if (!connection.isReusable) return;
    if (this.#closed || this.#idle.length >= this.#maxIdle) {
      connection.destroy();
      return;
    }
    connection.setIdle(true);
    connection.onClosed = () => {
      const index = this.#idle.indexOf(connection);
      if (index !== -1) this.#idle.splice(index, 1);
    };
    this.#idle.push(connection);
  }
}

/**
 * A kept connection that the application closed while the request was in flight. The request probably did not run, but
 * that is unknown, so only a request that may run twice (RFC 9110, section 9.2.1) is repeated.
 */
function isStale(error: unknown, connection: ClientConnection, request: ClientRequest): boolean {
  if (!(error instanceof FastCgiError) || connection.wasAnswered) return false;
  if (error.code !== errorCode.connectionLost && error.code !== errorCode.unexpectedEnd) return false;
  const method = request.params.find(([name]) => name === 'REQUEST_METHOD')?.[1] ?? '';
  return request.body === undefined && safeMethods.has(method);
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** One request on its own connection; see {@link FastCgiClient.request}. */
export function requestFastCgi(
  request: ClientRequest & { readonly connect: ConnectAddress },
): Promise<ClientResult> {
  return new FastCgiClient(request.connect).request(request);
}
