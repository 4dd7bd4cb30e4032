/** The two pools of an audit: one whose workers serve a single request, and one with a worker that stays booted. */

import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quote } from '../serve/pool.ts';
import type { RunAs } from '../serve/site.ts';
import type { AuditOptions } from './options.ts';

export const poolNames = ['fresh', 'warm'] as const;
export type PoolName = (typeof poolNames)[number];

/** A folder of this audit, which only the workers' user and root can enter. */
export interface AuditFolder {
  readonly socketOf: (pool: PoolName) => string;
  /** Where the workers tell their state. */
  readonly reports: string;
  readonly giveTo: (uid: number, gid: number) => void;
  remove(): void;
}

/** Maximum length of a Unix socket's path without its NUL (unix(7), sun_path). */
const maxSocketPath = 107;

export function makeAuditFolder(temporary = tmpdir()): AuditFolder {
  const longest = join(temporary, 'hathi-audit-XXXXXX', 'reports.sock');
  const fits = Buffer.byteLength(longest) <= maxSocketPath;
  // Mode 0700.
  const folder = mkdtempSync(join(fits ? temporary : '/tmp', 'hathi-audit-'));
  return {
    socketOf: (pool) => join(folder, `${pool}.sock`),
    reports: join(folder, 'reports.sock'),
    giveTo: (uid, gid) => chownSync(folder, uid, gid),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The configuration in PHP-FPM's language. A request that never ends is ended a second after its client gave up. */
export function poolsConfig(options: AuditOptions, runAs: RunAs | undefined, folder: AuditFolder): string {
  return [
    '[global]',
    'daemonize = no',
    'log_level = warning',
    ...poolNames.flatMap((pool) => [
      `[${pool}]`,
      ...(runAs === undefined ? [] : [`user = ${runAs.user}`]),
      ...(runAs?.group === undefined ? [] : [`group = ${runAs.group}`]),
      `listen = ${quote(folder.socketOf(pool))}`,
      'listen.mode = 0600',
      'pm = static',
      'pm.max_children = 1',
      'engine = native',
      ...(options.php === undefined ? [] : [`engine.php = ${options.php}`]),
      `worker.script = ${quote(options.script)}`,
      'worker.match[] = *',
      ...(pool === 'fresh' ? ['worker.max_requests = 1'] : []),
      `worker.boot_timeout = ${options.bootTimeout}s`,
      `request_terminate_timeout = ${options.timeout + 1}s`,
      'catch_workers_output = yes',
      'decorate_workers_output = no',
      'clear_env = no',
      ...options.env.map(([name, value]) => `env[${name}] = ${quote(value)}`),
    ]),
    '',
  ].join('\n');
}
