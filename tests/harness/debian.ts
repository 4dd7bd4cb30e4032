/**
 * What the tests want from Debian, in one list: `scripts/test.ts` installs it, and a test that needs a part of
 * it asks `requires()` for the reason to skip.
 */
import { existsSync } from 'node:fs';

/** A Debian package, the file that tells that it is there, and what it is for. */
export interface DebianPackage {
  readonly probe: string;
  readonly purpose: string;
}

/** The only list of Debian packages that the tests use. */
export const debianPackages = {
  'php8.2-fpm': { probe: '/usr/sbin/php-fpm8.2', purpose: 'the reference that behaviour is compared with' },
  'php8.2-cli': { probe: '/usr/bin/php8.2', purpose: 'small PHP programs beside the servers' },
  'php8.2-dev': { probe: '/usr/bin/php-config8.2', purpose: 'compiling the native engine' },
  'libphp8.2-embed': { probe: '/usr/lib/libphp8.2.so', purpose: 'hosting the native engine by libphp' },
  'php8.2-sqlite3': { probe: '/usr/share/php8.2-sqlite3', purpose: 'Adminer on the reference' },
  'php8.2-xml': { probe: '/usr/share/php8.2-xml', purpose: 'DokuWiki on the reference' },
  'libfcgi-bin': { probe: '/usr/bin/cgi-fcgi', purpose: 'a FastCGI client that is not ours' },
  acl: { probe: '/usr/bin/setfacl', purpose: 'listen.acl_users and listen.acl_groups' },
  nginx: { probe: '/usr/sbin/nginx', purpose: 'the web server in front' },
  apache2: { probe: '/usr/sbin/apache2', purpose: 'the web server in front' },
  caddy: { probe: '/usr/bin/caddy', purpose: 'the web server in front' },
  wrk: { probe: '/usr/bin/wrk', purpose: 'load for the benchmark' },
  logrotate: { probe: '/usr/sbin/logrotate', purpose: 'the example for log rotation' },
  'mariadb-server': { probe: '/usr/sbin/mariadbd', purpose: 'a database for PHP over TCP' },
  'redis-server': { probe: '/usr/bin/redis-server', purpose: 'a session store for PHP over TCP' },
  prometheus: { probe: '/usr/bin/promtool', purpose: 'what Prometheus itself thinks of metrics and rules' },
  tmux: { probe: '/usr/bin/tmux', purpose: 'a terminal for `hathi top`' },
  chromium: { probe: '/usr/bin/chromium', purpose: 'pages in a real browser' },
  dokuwiki: { probe: '/usr/share/dokuwiki/doku.php', purpose: 'a real application' },
  adminer: { probe: '/usr/share/adminer/adminer.php', purpose: 'a real application' },
} as const satisfies Record<string, DebianPackage>;

/** Name of a package in the list. */
export type DebianPackageName = keyof typeof debianPackages;

/** The packages of the list that are not installed. */
export function missingPackages(): DebianPackageName[] {
  return packageNames().filter((name) => !existsSync(debianPackages[name].probe));
}

/** All names of the list. */
export function packageNames(): DebianPackageName[] {
  return Object.keys(debianPackages) as DebianPackageName[];
}

/**
 * The value for a test's `skip` option: `false` when everything is there, else the reason. `root` stands for
 * the right to change users.
 */
export function requires(...needs: readonly (DebianPackageName | 'root')[]): string | false {
  const missing = needs.filter((need) =>
    need === 'root' ? process.getuid?.() !== 0 : !existsSync(debianPackages[need].probe),
  );
  return missing.length === 0 ? false : `needs ${missing.join(', ')}`;
}
