/** A pool's configuration as `setting` lines, docs/contract.md, section 3. */

import type { PoolConfig } from '../config/directives.ts';
import { compileAccessFormat } from '../log/access-format.ts';
import { type HostSettingName, isHostSetting } from './host-setting-names.ts';
import type { PhpIniSource } from './ini-files.ts';

/** Identity of the pool's workers, resolved by the master. */
export interface PoolIdentity {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  readonly user: string | undefined;
  readonly home: string | undefined;
  /** Whether the host has to give up root for it. */
  readonly dropsRights: boolean;
}

export interface HostSettingsInput {
  readonly pool: PoolConfig;
  readonly identity: PoolIdentity | undefined;
  /** Slots behind all others, for requests that do not wait (pool/lane.ts). */
  readonly laneSlots: number;
  readonly php: PhpIniSource;
  readonly listenKind: 'unix' | 'tcp';
  readonly hasAccessLog: boolean;
  /** `log_level` and `log_limit`, which apply to workers' lines as well, and `log_format`. */
  readonly log: { readonly level: string; readonly limit: number; readonly format: 'text' | 'json' };
  /** The master's environment, for `env[NAME] = $NAME`. */
  readonly env: NodeJS.ProcessEnv;
  /** Only in the master of a `hathi audit`: where workers report their state. */
  readonly auditSocket?: string | undefined;
}

type Setting = readonly [name: HostSettingName, value: string];

/** The settings in sending order. */
export function hostSettings(input: HostSettingsInput): readonly Setting[] {
  return [
    ['pool', input.pool.name],
    ...directiveSettings(input.pool),
    ...environmentSettings(input.pool, input.env),
    ...identitySettings(input.identity),
    ['listen.fd', '6'],
    ['listen.kind', input.listenKind],
    ...(input.hasAccessLog ? [['access.log.fd', '7'] as const] : []),
    ...input.php.files.map((file) => ['php.ini', file] as const),
    ...input.php.defines.map((define) => ['php.define', define] as const),
    ['pm.max_requests', String(requestsOf(input.pool))],
    ['max_children', String(input.pool['pm.max_children'])],
    ['lane_slots', String(input.laneSlots)],
    ['log_level', input.log.level],
    ['log_limit', String(input.log.limit)],
    ...logFormatSettings(input),
    ...(input.auditSocket === undefined ? [] : [['audit.socket', input.auditSocket] as const]),
  ];
}

/** Requests get ids only where a log shows them: scripts see the ids too, and in PHP-FPM they would not. */
function logFormatSettings({ pool, log }: HostSettingsInput): Setting[] {
  const format = pool['access.log_format'] ?? log.format;
  const compiled = compileAccessFormat(pool['access.format'] ?? '');
  const usesIds = log.format === 'json' || format === 'json' || (compiled.ok && compiled.usesRequestId);
  return [
    ['access.log_format', format],
    ['request_id', usesIds ? '1' : '0'],
  ];
}

/** With `auto` the master renews workers: it knows their growth. */
function requestsOf({ 'pm.max_requests': requests }: PoolConfig): number {
  return requests === 'auto' ? 0 : requests;
}

/** Directives with code of their own. */
const resolved: ReadonlySet<HostSettingName> = new Set(['env', 'access.log_format', 'pm.max_requests']);

function directiveSettings(pool: PoolConfig): Setting[] {
  const settings: Setting[] = [];
  for (const [name, value] of Object.entries(pool)) {
    if (!isHostSetting(name) || resolved.has(name) || value === undefined) continue;
    if (Array.isArray(value)) {
      for (const item of value) settings.push([name, Array.isArray(item) ? item.join('=') : String(item)]);
    } else if (typeof value === 'boolean') {
      settings.push([name, value ? '1' : '0']);
    } else {
      settings.push([name, String(value)]);
    }
  }
  return settings;
}

/** Variables that bin/hathi sets for Node, not part of the operator's environment. */
const ownVariables = new Set(['NODE_COMPILE_CACHE']);

/**
 * `env[NAME] = $OTHER` takes the master's variable of that name (the whole rest of the value is the name), or empty if
 * it is unset, as PHP-FPM does at its start.
 */
function environmentSettings(pool: PoolConfig, env: NodeJS.ProcessEnv): Setting[] {
  const inherited: Setting[] = pool.clear_env
    ? []
    : Object.entries(env)
        .filter(([name]) => !ownVariables.has(name))
        .map(([name, value]) => ['env.inherited', `${name}=${value ?? ''}`]);
  const given = pool.env.map(([name, value]): Setting => {
    const resolved = value.startsWith('$') ? (env[value.slice(1)] ?? '') : value;
    return ['env', `${name}=${resolved}`];
  });
  return [...inherited, ...given];
}

function identitySettings(identity: PoolIdentity | undefined): Setting[] {
  if (identity === undefined) return [];
  const settings: Setting[] = [];
  if (identity.dropsRights) {
    settings.push(['root', '1'], ['uid', String(identity.uid)], ['gid', String(identity.gid)]);
    settings.push(['groups', identity.groups.join(' ')]);
  }
  if (identity.user !== undefined) settings.push(['env.user', identity.user]);
  if (identity.home !== undefined) settings.push(['env.home', identity.home]);
  return settings;
}
