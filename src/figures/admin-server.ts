/** Ingredients of the servers of the admin and the metrics endpoint. */

import type { Server } from 'node:http';
import type { AdminSource } from './admin-source.ts';

/**
 * `admin` shows everything and takes orders from this machine; `metrics` shows figures to others and takes no orders.
 */
export type EndpointKind = 'admin' | 'metrics';

/** Access rules. */
export interface EndpointAccess {
  /** `admin.token`, if the address is TCP. */
  readonly token: string | undefined;
  /** @param address of the peer; undefined on a Unix socket */
  readonly admits: (address: string | undefined) => boolean;
}

export interface AdminServerOptions {
  readonly kind: EndpointKind;
  readonly source: AdminSource;
  readonly access: () => EndpointAccess;
  /** An error of ours; the client has been told. */
  readonly onFault: (error: unknown) => void;
}

/** Makes the server, not listening yet. It is injected, so that the master knows nothing of HTTP. */
export type AdminServerFactory = (options: AdminServerOptions) => Server;
