/** A pool with everything that its hosts need. */

import { createHash } from 'node:crypto';
import type { Configuration, PoolConfig } from '../config/directives.ts';
import type { EngineCommand } from '../engine/engine-command.ts';
import { type HostSettingsInput, hostSettings, type PoolIdentity } from '../engine/host-settings.ts';
import { iniFilesFor, type PhpIniSource } from '../engine/ini-files.ts';
import type { PreparedPool } from '../generation/prepared-pool.ts';
import { laneSlots } from '../pool/lane.ts';
import { lookedUp } from '../runtime/one-look.ts';
import type { Listener } from '../sockets/listener.ts';
import { filesState, poolFingerprint } from './pool-fingerprint.ts';

/** Resolved and opened parts of a pool. */
export interface PoolParts {
  readonly config: PoolConfig;
  readonly identity: PoolIdentity | undefined;
  readonly command: EngineCommand;
  readonly listener: Listener;
}

/** @param known the same pool as it was prepared last, which is taken where nothing has changed */
export function preparePool(
  parts: PoolParts,
  configuration: Configuration,
  php: PhpIniSource,
  { env, auditSocket }: { readonly env: NodeJS.ProcessEnv; readonly auditSocket?: string | undefined },
  known?: PreparedPool,
): PreparedPool {
  const { config, identity, command, listener } = parts;
  const context = contextOf(command, configuration, php);
  if (known !== undefined && isUnchanged(known, parts, context)) return known;
  const settings = hostSettings({
    pool: { ...config, 'listen.backlog': backlogFor(parts) },
    identity,
    laneSlots: laneSlots(config),
    php: iniFilesFor(php, command.iniFiles),
    log: logOf(configuration),
    listenKind: listener.kind,
    hasAccessLog: config['access.log'] !== undefined,
    env,
    auditSocket,
  });
  return { ...parts, settings, context, fingerprint: poolFingerprint({ config, settings, command }) };
}

function logOf({ global }: Configuration): HostSettingsInput['log'] {
  return { level: global.log_level, limit: global.log_limit, format: global.log_format };
}

/** Pools of one engine share it. */
function contextOf(command: EngineCommand, configuration: Configuration, php: PhpIniSource): string {
  const known = lookedUp('contexts', () => new Map<readonly string[], string>());
  const context = known.get(command.parts) ?? lookAtContext(command, configuration, php);
  known.set(command.parts, context);
  return context;
}

function lookAtContext(command: EngineCommand, configuration: Configuration, php: PhpIniSource): string {
  return lookedUp(['context', command.engine, command.file, ...command.parts].join('\0'), () => {
    const ini = iniFilesFor(php, command.iniFiles);
    const facts = [logOf(configuration), ini, filesState([...command.parts, ...ini.files])];
    return createHash('sha256').update(JSON.stringify(facts)).digest('hex');
  });
}

/** Its configuration is the very same object: boot/configuration.ts keeps that of a pool that says the same. */
function isUnchanged(
  known: PreparedPool,
  { config, identity, command, listener }: PoolParts,
  context: string,
): boolean {
  return (
    known.config === config &&
    known.context === context &&
    known.listener === listener &&
    // Its backlog, and the files of an application, may have changed.
    listener.origin !== 'systemd' &&
    config['worker.script'] === undefined &&
    isSameIdentity(known.identity, identity) &&
    isSameCommand(known.command, command)
  );
}

function isSameIdentity(one: PoolIdentity | undefined, other: PoolIdentity | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return (
    one.uid === other.uid &&
    one.gid === other.gid &&
    one.user === other.user &&
    one.home === other.home &&
    one.dropsRights === other.dropsRights &&
    isSameList(one.groups, other.groups)
  );
}

function isSameCommand(one: EngineCommand, other: EngineCommand): boolean {
  if (one === other) return true;
  return (
    one.engine === other.engine &&
    one.file === other.file &&
    isSameList(one.args, other.args) &&
    isSameList(one.parts, other.parts)
  );
}

function isSameList<T>(one: readonly T[], other: readonly T[]): boolean {
  if (one === other) return true;
  return one.length === other.length && one.every((item, index) => item === other[index]);
}

/** The embedded host calls listen(2) again, which must not change the socket unit's Backlog=. */
function backlogFor({ config, listener }: PoolParts): number {
  const queue = listener.origin === 'systemd' ? listener.queue() : undefined;
  return queue?.limit ?? config['listen.backlog'];
}
