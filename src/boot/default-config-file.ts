/** The default configuration file. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Without `-y`: `etc/php-fpm.conf` below the prefix; else Debian's place, newest PHP first; else the place of php-fpm
 * itself and other distributions.
 */
export function defaultConfigFile(prefix: string | undefined): string {
  if (prefix !== undefined) return join(prefix || '/', 'etc/php-fpm.conf');
  const debian = existsSync('/etc/php') ? readdirSync('/etc/php') : [];
  const newestFirst = debian.sort((left, right) => right.localeCompare(left, 'en', { numeric: true }));
  const candidates = newestFirst.map((version) => `/etc/php/${version}/fpm/php-fpm.conf`);
  return candidates.find((path) => existsSync(path)) ?? '/etc/php-fpm.conf';
}
