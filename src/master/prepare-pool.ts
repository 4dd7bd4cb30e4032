/** A pool with everything that its hosts need. */

import type { Configuration, PoolConfig } from '../config/directives.ts';
import type { EngineCommand } from '../engine/engine-command.ts';
import { hostSettings, type PoolIdentity } from '../engine/host-settings.ts';
import { iniFilesFor, type PhpIniSource } from '../engine/ini-files.ts';
import type { PreparedPool } from '../generation/prepared-pool.ts';
import type { Listener } from '../sockets/listener.ts';
import { poolFingerprint } from './pool-fingerprint.ts';

/** Resolved and opened parts of a pool. */
export interface PoolParts {
  readonly config: PoolConfig;
  readonly identity: PoolIdentity | undefined;
  readonly command: EngineCommand;
  readonly listener: Listener;
}

export function preparePool(
  parts: PoolParts,
  { global }: Configuration,
  php: PhpIniSource,
  env: NodeJS.ProcessEnv,
): PreparedPool {
  const { config, identity, command, listener } = parts;
  const settings = hostSettings({
    pool: { ...config, 'listen.backlog': backlogFor(parts) },
    identity,
    php: iniFilesFor(php, command.iniFiles),
    log: { level: global.log_level, limit: global.log_limit, format: global.log_format },
    listenKind: listener.kind,
    hasAccessLog: config['access.log'] !== undefined,
    env,
  });
  return { ...parts, settings, fingerprint: poolFingerprint({ config, settings, command }) };
}

/** The embedded host calls listen(2) again, which must not change the socket unit's Backlog=. */
function backlogFor({ config, listener }: PoolParts): number {
  const queue = listener.origin === 'systemd' ? listener.queue() : undefined;
  return queue?.limit ?? config['listen.backlog'];
}
