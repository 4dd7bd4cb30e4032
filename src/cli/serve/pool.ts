/** The pool configuration of `hathi serve`'s master. */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Application } from './application.ts';
import type { RunAs } from './site.ts';

/** A folder for the pool's socket, accessible to this user only. */
export interface RuntimeFolder {
  readonly folder: string;
  readonly socket: string;
  remove(): void;
}

/** Maximum length of a Unix socket's path without its NUL (unix(7), sun_path). */
const maxSocketPath = 107;

/** Makes the runtime folder, mode 0700, in the temporary folder, or in /tmp if the path would be too long. */
export function makeRuntimeFolder(temporary = tmpdir()): RuntimeFolder {
  // mkdtemp appends 6 characters and creates the folder with mode 0700.
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
  /** Worker mode, and the files after whose change the application boots anew. */
  readonly application: Application | undefined;
  /** Absolute path of a file with more directives. */
  readonly config: string | undefined;
  /** The command's own directives, such as the request log. */
  readonly own: readonly string[];
}

/** Name of the pool in logs and on the status page. */
export const servePool = 'serve';

/**
 * Writes the configuration in PHP-FPM's language. Of scalar directives the last one counts, of `php_value` and related
 * ones the first: so the user's file comes after the former and before the latter. Only the address, on which the front
 * depends, is set again after it.
 */
export function poolConfig(request: PoolRequest, cores = availableParallelism()): string {
  return [
    '[global]',
    'daemonize = no',
    // One line for each error; starts and stops of workers are no news in development.
    'log_level = warning',
    `[${servePool}]`,
    ...userLines(request.runAs),
    ...processLines(request.workers, cores),
    'engine = auto',
    ...applicationLines(request.application),
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
    // The next request sees a changed file.
    'php_value[opcache.revalidate_freq] = 0',
    '',
  ].join('\n');
}

function applicationLines(application: Application | undefined): string[] {
  if (application === undefined) return [];
  const { script, watched } = application;
  return [
    `worker.script = ${quote(script)}`,
    ...watched.map((pattern) => `worker.watch[] = ${quote(pattern)}`),
  ];
}

function userLines(runAs: RunAs | undefined): string[] {
  if (runAs === undefined) return [];
  return [`user = ${runAs.user}`, ...(runAs.group === undefined ? [] : [`group = ${runAs.group}`])];
}

/** One worker is ready in advance; a page with several requests at once gets a second one. */
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

/** Double quotes of the configuration grammar; refuses characters that are invalid between them. */
export function quote(path: string): string {
  if (/["\\$\n\r]/.test(path)) {
    throw new Error(
      `cannot write the path ${JSON.stringify(path)} into a configuration: it contains one of " \\ $ or a line break`,
    );
  }
  return `"${path}"`;
}
