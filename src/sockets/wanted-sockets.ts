/** The listening sockets that a configuration asks for. */

import { adminOff } from '../config/admin.ts';
import type { Configuration, GlobalConfig, PoolConfig } from '../config/directives.ts';
import { parseListenAddress } from './listener-address.ts';
import type { ListenSettings } from './listener-open.ts';

/** A socket required by a configuration. */
export interface WantedSocket {
  /** Undefined for the master's own endpoints. */
  readonly pool?: PoolConfig;
  readonly role: 'pool' | 'status' | 'agent' | 'admin' | 'metrics';
  /** @throws ListenerError for an invalid address */
  readonly settings: () => ListenSettings;
}

/** All sockets of a configuration, in opening order. */
export function wantedSockets({ global, pools }: Configuration): WantedSocket[] {
  const admin = adminAddress(global);
  const metrics = global['metrics.listen'];
  return [
    ...pools.map((pool) => wantedBy(pool, 'pool', pool.listen)),
    ...(admin === undefined ? [] : [{ role: 'admin' as const, settings: () => adminListenSettings(admin) }]),
    ...(metrics === undefined
      ? []
      : [{ role: 'metrics' as const, settings: () => metricsListenSettings(metrics) }]),
    ...pools.flatMap((pool) => {
      const address = pool['pm.status_listen'];
      return address === undefined ? [] : [wantedBy(pool, 'status', address)];
    }),
    ...pools.flatMap((pool) => {
      const address = pool['agent.listen'];
      return address === undefined ? [] : [wantedBy(pool, 'agent', address)];
    }),
  ];
}

function wantedBy(pool: PoolConfig, role: 'pool' | 'status' | 'agent', address: string): WantedSocket {
  return { pool, role, settings: () => listenSettings(pool, address) };
}

/** `admin.listen` if it is an address. */
export function adminAddress({ 'admin.listen': listen }: GlobalConfig): string | undefined {
  return listen === adminOff ? undefined : listen;
}

/** A pool's settings of a listening socket at an address. */
function listenSettings(pool: PoolConfig, text: string): ListenSettings {
  return {
    pool: pool.name,
    address: parseListenAddress(text, '/'),
    backlog: pool['listen.backlog'],
    mode: Number.parseInt(pool['listen.mode'] ?? '0660', 8) || 0,
    // An empty value counts as unset.
    owner: pool['listen.owner'] || undefined,
    group: pool['listen.group'] || undefined,
    aclUsers: splitList(pool['listen.acl_users']),
    aclGroups: splitList(pool['listen.acl_groups']),
  };
}

/** The admin endpoint's socket belongs to the master's user alone. */
export function adminListenSettings(text: string): ListenSettings {
  // Lines about a socket start with its pool; for this one, with the directive.
  return { pool: 'admin.listen', address: parseListenAddress(text, '/'), backlog: 16, mode: 0o600 };
}

/** Everybody who can connect may ask: only the address, or the folder of the socket, restricts access. */
function metricsListenSettings(text: string): ListenSettings {
  return { pool: 'metrics.listen', address: parseListenAddress(text, '/'), backlog: 128, mode: 0o666 };
}

function splitList(text: string | undefined): string[] | undefined {
  const items = text?.split(',').map((item) => item.trim());
  return items?.filter((item) => item !== '');
}
