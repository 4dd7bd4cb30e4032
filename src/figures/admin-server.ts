/** What the admin endpoint's server is made from. */

import type { Server } from 'node:http';
import type { AdminSource } from './snapshot.ts';

export interface AdminServerOptions {
  readonly source: AdminSource;
  /** `admin.token` on a TCP address. */
  readonly token: () => string | undefined;
  /** A fault of ours; the client has been told. */
  readonly onFault: (error: unknown) => void;
}

/** Makes the server, not listening yet. The master is given one, so that it knows nothing of HTTP. */
export type AdminServerFactory = (options: AdminServerOptions) => Server;
