/** Base folders of relative paths in the configuration. */

/** Prefix of Debian's PHP-FPM build. */
export const DEFAULT_PREFIX = '/usr';
/** Base folder of `pid` and `error_log`. */
export const STATE_DIRECTORY = '/var';

/** Settings of php.ini that are paths; PHP-FPM expands them like its own, unless the pool has a chroot. */
const INI_PATHS: ReadonlySet<string> = new Set([
  'error_log',
  'extension_dir',
  'mime_magic.magicfile',
  'sendmail_path',
  'session.cookie_path',
  'session_pgsql.sem_file_name',
  'soap.wsdl_cache_dir',
  'uploadprogress.file.filename_template',
  'xdebug.output_dir',
  'xdebug.profiler_output_dir',
  'xdebug.trace_output_dir',
  'xmms.path',
  'axis2.client_home',
  'blenc.key_file',
  'coin_acceptor.device',
]);

/** Prefixes in order of precedence. */
export interface Prefixes {
  readonly pool?: string | undefined;
  /** `-p`. */
  readonly global?: string | undefined;
  /** Applies if neither is set. */
  readonly fallback?: string;
}

/** An absolute path, or the path below the first prefix that is set. */
export function expandPath(path: string, { pool, global, fallback = DEFAULT_PREFIX }: Prefixes): string {
  if (path.startsWith('/')) return path;
  const expanded = `${pool ?? global ?? fallback}/${path}`;
  // The prefix itself may be relative.
  return expanded.startsWith('/') || pool === undefined ? expanded : `${global ?? fallback}/${expanded}`;
}

/**
 * Expands `chroot`, the only directive with `$prefix`.
 *
 * @returns undefined when `$prefix` is not at the start
 */
export function expandChroot(path: string, prefixes: Prefixes): string | undefined {
  if (path.startsWith('/') || !path.includes('$prefix')) return expandPath(path, prefixes);
  if (!path.startsWith('$prefix')) return undefined;
  const prefix = prefixes.pool ?? prefixes.global ?? DEFAULT_PREFIX;
  const rest = path.slice('$prefix'.length);
  return expandPath(rest === '' ? prefix : `${prefix}/${rest}`, { ...prefixes, pool: undefined });
}

/** Whether a php.ini setting is a path to be expanded. */
export function isIniPath(key: string): boolean {
  return INI_PATHS.has(key.toLowerCase());
}

/** Whether `listen` is a Unix socket: neither a port nor a text with a colon. */
export function isUnixAddress(address: string): boolean {
  return !address.includes(':') && !/^[0-9]+$/.test(address);
}
