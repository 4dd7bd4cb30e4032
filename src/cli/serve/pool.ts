/** The pool configuration that `hathi serve` starts its master with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunAs } from './site.ts';

/** A folder for the pool's socket that only this user can enter. */
export interface RuntimeFolder {
  readonly folder: string;
  readonly socket: string;
  remove(): void;
}

/** A Unix socket's path has room for 107 bytes and its end (unix(7), sun_path). */
const maxSocketPath = 107;

/**
 * Makes the runtime folder, mode 0700, in the temporary folder; in /tmp where that would make the path too long.
 */
export function makeRuntimeFolder(temporary = tmpdir()): RuntimeFolder {
  // mkdtemp adds 6 characters and makes the folder 0700.
  const fits = Buffer.byteLength(join(temporary, 'hathi-serve-XXXXXX', 'pool.sock')) <= maxSocketPath;
  const folder = mkdtempSync(join(fits ? temporary : '/tmp', 'hathi-serve-'));
  return {
    folder,
    socket: join(folder, 'pool.sock'),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export interface PoolRequest {
  readonly socket: string;
  readonly php: string | undefined;
  readonly workers: number | undefined;
  readonly runAs: RunAs | undefined;
  /** Absolute path of a file with more directives. */
  readonly config: string | undefined;
  /** Directives of the command's own, such as where requests are logged. */
  readonly own: readonly string[];
}

/** Name of the pool in logs and on the status page. */
export const servePool = 'serve';

/**
 * Writes the configuration, in PHP-FPM's own language. Of scalar directives the last one counts, of `php_value`
 * and its kin the first one: so the user's file comes after the former and before the latter, and only the
 * address, which the front depends on, is set again behind it.
 */
export function poolConfig(request: PoolRequest, cores = availableParallelism()): string {
  return [
    '[global]',
    'daemonize = no',
    // One line for each thing that goes wrong; starts and stops of workers are not news in development.
    'log_level = warning',
    `[${servePool}]`,
    ...userLines(request.runAs),
    ...processLines(request.workers, cores),
    'engine = auto',
    ...(request.php === undefined ? [] : [`engine.php = ${request.php}`]),
    'catch_workers_output = yes',
    'decorate_workers_output = no',
    `listen = ${quote(request.socket)}`,
    ...(request.config === undefined ? [] : [`include = ${quote(request.config)}`]),
    // The file may have ended in a section of its own.
    `[${servePool}]`,
    `listen = ${quote(request.socket)}`,
    ...request.own,
    'listen.mode = 0600',
    'php_flag[display_errors] = on',
    'php_flag[display_startup_errors] = on',
    'php_value[error_reporting] = 32767',
    'php_flag[log_errors] = on',
    'php_value[upload_max_filesize] = 64M',
    'php_value[post_max_size] = 64M',
    // A changed file is seen by the next request.
    'php_value[opcache.revalidate_freq] = 0',
    '',
  ].join('\n');
}

function userLines(runAs: RunAs | undefined): string[] {
  if (runAs === undefined) return [];
  return [`user = ${runAs.user}`, ...(runAs.group === undefined ? [] : [`group = ${runAs.group}`])];
}

/** One worker is ready before it is needed; a page with several requests at once gets a second one. */
function processLines(workers: number | undefined, cores: number): string[] {
  if (workers !== undefined) return ['pm = static', `pm.max_children = ${workers}`];
  return [
    'pm = dynamic',
    `pm.max_children = ${Math.max(2, cores)}`,
    'pm.start_servers = 1',
    'pm.min_spare_servers = 1',
    'pm.max_spare_servers = 2',
  ];
}

/** Double quotes of the configuration grammar; what cannot stand between them is refused. */
function quote(path: string): string {
  if (/["\\$\n\r]/.test(path)) {
    throw new Error(
      `cannot write the path ${JSON.stringify(path)} into a configuration: it has one of " \\ $ or a line break`,
    );
  }
  return `"${path}"`;
}
