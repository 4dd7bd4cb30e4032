/** The dashboard of `hathi serve`: the admin endpoint of its master, on a loopback port of its own. */

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createAdminServer } from '../../admin/server.ts';
import type { AdminSource } from '../../figures/admin-source.ts';

export interface Dashboard {
  /** With the token in its fragment, which a browser does not send and the page takes out of its address. */
  readonly url: string;
  close(): void;
}

/**
 * Opens it on a port that the system chooses: a fixed one could be the site's, or that of the next `hathi serve`.
 *
 * @param onFault told of a fault of ours
 */
export async function openDashboard(
  source: AdminSource,
  onFault: (error: unknown) => void,
): Promise<Dashboard> {
  // Other users of this machine can reach the port.
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
