/** The dashboard of `hathi serve`: the admin endpoint of its master, on its own loopback port. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdminServer } from '../../admin/server.ts';
import type { AdminSource } from '../../figures/admin-source.ts';

export interface Dashboard {
  /** With the token in the fragment, which browsers do not send and the page removes from its address. */
  readonly url: string;
  close(): void;
}

/**
 * Opens it on a port chosen by the system: a fixed one could be the site's, or that of another `hathi serve`.
 *
 * @param onFault called for a fault of ours
 */
export async function openDashboard(
  source: AdminSource,
  onFault: (error: unknown) => void,
): Promise<Dashboard> {
  // Other users of this machine can connect to the port.
  const token = randomBytes(18).toString('base64url');
  const server = createAdminServer({
    kind: 'admin',
    source,
    access: () => ({ token, admits: () => true }),
    onFault,
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.on('error', onFault);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/#token=${token}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
