/** Relative paths of the configuration: what they start at. */

/** Where Debian's PHP-FPM was told to live when it was built. */
export const DEFAULT_PREFIX = '/usr';
/** The folder that `pid` and `error_log` start at. */
export const STATE_DIRECTORY = '/var';

/** Settings of php.ini that hold paths; PHP-FPM expands them like its own, unless the pool has a chroot. */
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

/** Prefixes in the order in which they count. */
export interface Prefixes {
  readonly pool?: string | undefined;
  /** `-p`. */
  readonly global?: string | undefined;
  /** Where neither is set. */
  readonly fallback?: string;
}

/** An absolute path, or the path behind the first prefix that is set. */
export function expandPath(path: string, { pool, global, fallback = DEFAULT_PREFIX }: Prefixes): string {
  if (path.startsWith('/')) return path;
  const expanded = `${pool ?? global ?? fallback}/${path}`;
  // A prefix may itself be relative.
  return expanded.startsWith('/') || pool === undefined ? expanded : `${global ?? fallback}/${expanded}`;
}

/**
 * Expands `chroot`, the only directive that knows `$prefix`.
 *
 * @returns undefined when `$prefix` stands elsewhere than at the start
 */
export function expandChroot(path: string, prefixes: Prefixes): string | undefined {
  if (path.startsWith('/') || !path.includes('$prefix')) return expandPath(path, prefixes);
  if (!path.startsWith('$prefix')) return undefined;
  const prefix = prefixes.pool ?? prefixes.global ?? DEFAULT_PREFIX;
  const rest = path.slice('$prefix'.length);
  return expandPath(rest === '' ? prefix : `${prefix}/${rest}`, { ...prefixes, pool: undefined });
}

/** Whether a php.ini setting holds a path that is expanded. */
export function isIniPath(key: string): boolean {
  return INI_PATHS.has(key.toLowerCase());
}

/** Whether `listen` names a Unix socket: neither a port nor anything with a colon. */
export function isUnixAddress(address: string): boolean {
  return !address.includes(':') && !/^[0-9]+$/.test(address);
}
