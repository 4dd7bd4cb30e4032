/**
 * PHP constants allowed in a configuration: `error_reporting = E_ALL & ~E_NOTICE`. PHP-FPM knows every constant of its
 * PHP; the master runs no PHP, so it has those that make sense in an ini value. Callers may add others, such as the PHP
 * version.
 */
export const PHP_CONSTANTS: Readonly<Record<string, string>> = {
  E_ERROR: '1',
  E_WARNING: '2',
  E_PARSE: '4',
  E_NOTICE: '8',
  E_CORE_ERROR: '16',
  E_CORE_WARNING: '32',
  E_COMPILE_ERROR: '64',
  E_COMPILE_WARNING: '128',
  E_USER_ERROR: '256',
  E_USER_WARNING: '512',
  E_USER_NOTICE: '1024',
  E_STRICT: '2048',
  E_RECOVERABLE_ERROR: '4096',
  E_DEPRECATED: '8192',
  E_USER_DEPRECATED: '16384',
  E_ALL: '32767',
  PHP_EOL: '\n',
  PHP_INT_MAX: '9223372036854775807',
  PHP_INT_MIN: '-9223372036854775808',
  PHP_INT_SIZE: '8',
  PHP_SAPI: 'fpm-fcgi',
  PHP_OS: 'Linux',
  PHP_OS_FAMILY: 'Linux',
  PHP_DEBUG: '0',
  PHP_ZTS: '0',
  DIRECTORY_SEPARATOR: '/',
  PATH_SEPARATOR: ':',
  DEBUG_BACKTRACE_IGNORE_ARGS: '2',
  INI_USER: '1',
  INI_PERDIR: '2',
  INI_SYSTEM: '4',
  INI_ALL: '7',
  M_PI: '3.1415926535898',
  M_E: '2.718281828459',
  LOG_EMERG: '0',
  LOG_ALERT: '1',
  LOG_CRIT: '2',
  LOG_ERR: '3',
  LOG_WARNING: '4',
  LOG_NOTICE: '5',
  LOG_INFO: '6',
  LOG_DEBUG: '7',
  LOG_DAEMON: '24',
};

/**
 * Looks up a constant by PHP's rule: exact name, but `true`, `false` and `null` in any case.
 *
 * @param more additional constants, which take precedence over `PHP_CONSTANTS`
 */
export function phpConstant(name: string, more: Readonly<Record<string, string>> = {}): string | undefined {
  if (Object.hasOwn(more, name)) return more[name];
  if (Object.hasOwn(PHP_CONSTANTS, name)) return PHP_CONSTANTS[name];
  const lower = name.toLowerCase();
  if (lower === 'true') return '1';
  return lower === 'false' || lower === 'null' ? '' : undefined;
}
