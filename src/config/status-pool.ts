/** The pool behind `pm.status_listen`. */

import { type Draft, newPool, type PoolConfig } from './directives.ts';

/** Directives that the hidden pool inherits; all others have their default. */
const INHERITED = [
  'user',
  'group',
  'listen.owner',
  'listen.group',
  'listen.mode',
  'listen.acl_users',
  'listen.acl_groups',
  'listen.allowed_clients',
  'pm.status_path',
  'ping.path',
  'ping.response',
  'php_value',
  'php_admin_value',
  'engine',
  'engine.php',
] as const satisfies readonly (keyof PoolConfig)[];

/** The hidden pool's name in logs. */
export function statusPoolName(parent: string): string {
  return `${parent}_status`;
}

/**
 * The hidden pool for a pool's status page on `pm.status_listen`: two workers on demand.
 *
 * @returns undefined for a pool without `pm.status_listen`
 */
export function statusPool(parent: PoolConfig): Draft<PoolConfig> | undefined {
  const listen = parent['pm.status_listen'];
  if (listen === undefined) return undefined;
  const { file, line } = parent.places.get('pm.status_listen') ?? parent;
  const inherited = Object.fromEntries(INHERITED.map((name) => [name, parent[name]])) as Partial<PoolConfig>;
  return Object.assign(newPool(statusPoolName(parent.name), { file, line }), inherited, {
    statusOf: parent.name,
    listen,
    pm: 'ondemand' as const,
    'pm.max_children': 2,
    'pm.process_idle_timeout': 10,
  });
}
