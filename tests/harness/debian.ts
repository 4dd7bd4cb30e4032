/**
 * The only list of Debian packages for the tests: `scripts/test.ts` installs them, and a test that needs one asks
 * `requires()` for the reason to skip.
 */
import { existsSync, readFileSync } from 'node:fs';

/** A Debian package, a file that proves its installation, and its purpose. */
export interface DebianPackage {
  /** Its name in Debian, if that contains a version. */
  readonly package?: string;
  readonly probe: string;
  readonly purpose: string;
  /** Only where HATHI_TEST_IMAGE asks for it. */
  readonly isAsked?: true;
}

/** Version of PHP in the releases of Debian. */
const phpOfRelease: Readonly<Record<string, string>> = { bookworm: '8.2', trixie: '8.4' };

/** The PHP of the native engine and of the reference, such as `8.2`: HATHI_TEST_PHP, or that of this Debian release. */
export const testedPhp = process.env['HATHI_TEST_PHP'] || phpOfRelease[releaseName()] || '8.2';

/** Whether the tested PHP is at least that version, `8.4`. */
export function isPhpAtLeast(version: string): boolean {
  return testedPhp.localeCompare(version, 'en', { numeric: true }) >= 0;
}

function releaseName(): string {
  const path = '/etc/os-release';
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  return /^VERSION_CODENAME=(.*)$/m.exec(text)?.[1] ?? '';
}

/** The reference. */
export const phpFpm = `/usr/sbin/php-fpm${testedPhp}`;
/** PHP's command line. */
export const phpCli = `/usr/bin/php${testedPhp}`;
export const phpConfig = `/usr/bin/php-config${testedPhp}`;

/** A package of the tested PHP that installs a folder in /usr/share. */
function extension(name: string, purpose: string): DebianPackage {
  return { package: `php${testedPhp}-${name}`, probe: `/usr/share/php${testedPhp}-${name}`, purpose };
}

/** The only list of Debian packages that the tests use. */
export const debianPackages = {
  'php-fpm': {
    package: `php${testedPhp}-fpm`,
    probe: phpFpm,
    purpose: 'the reference that behaviour is compared with',
  },
  'php-cli': {
    package: `php${testedPhp}-cli`,
    probe: phpCli,
    purpose: 'small PHP programs beside the servers',
  },
  busybox: { probe: '/bin/busybox', purpose: 'a shell that is neither bash nor dash' },
  'php-dev': { package: `php${testedPhp}-dev`, probe: phpConfig, purpose: 'compiling the native engine' },
  'libphp-embed': {
    package: `libphp${testedPhp}-embed`,
    probe: `/usr/lib/libphp${testedPhp}.so`,
    purpose: 'hosting the native engine by libphp',
  },
  'php-sqlite3': extension('sqlite3', 'Adminer on the reference'),
  'php-xml': extension('xml', 'DokuWiki on the reference'),
  'php-curl': extension('curl', 'the container image'),
  'php-mbstring': extension('mbstring', 'the container image'),
  'php-symfony-framework-bundle': {
    probe: '/usr/share/php/Symfony/Bundle/FrameworkBundle/autoload.php',
    purpose: 'an application for worker mode',
  },
  'php-slim': { probe: '/usr/share/php/Slim/autoload.php', purpose: 'an application for worker mode' },
  'php-laravel-framework': {
    probe: '/usr/share/php/Illuminate/autoload.php',
    purpose: 'an application for worker mode',
  },
  'php-redis': {
    package: `php${testedPhp}-redis`,
    probe: `/usr/share/doc/php${testedPhp}-redis`,
    purpose: 'sessions that the nodes of a cluster share',
  },
  'libfcgi-bin': { probe: '/usr/bin/cgi-fcgi', purpose: 'a FastCGI client that is not ours' },
  acl: { probe: '/usr/bin/setfacl', purpose: 'listen.acl_users and listen.acl_groups' },
  nginx: { probe: '/usr/sbin/nginx', purpose: 'the web server in front' },
  apache2: { probe: '/usr/sbin/apache2', purpose: 'the web server in front' },
  'kubernetes-client': { probe: '/usr/bin/kubectl', purpose: 'rendering the manifests of deploy/kubernetes' },
  git: { probe: '/usr/bin/git', purpose: 'the release script' },
  podman: { probe: '/usr/bin/podman', purpose: 'building and running the container image' },
  runc: {
    probe: '/usr/sbin/runc',
    purpose: 'running the container image, also with cgroups of version 1',
  },
  mmdebstrap: {
    probe: '/usr/bin/mmdebstrap',
    purpose: 'the Debian that the container image is built on with HATHI_TEST_IMAGE=debian',
    isAsked: true,
  },
  haproxy: { probe: '/usr/sbin/haproxy', purpose: 'the load balancer in front' },
  keepalived: { probe: '/usr/sbin/keepalived', purpose: 'an address that two load balancers share' },
  iproute2: { probe: '/bin/ip', purpose: 'the network between the machines of examples/cluster' },
  openssl: { probe: '/usr/bin/openssl', purpose: 'the certificate of examples/cluster' },
  caddy: { probe: '/usr/bin/caddy', purpose: 'the web server in front' },
  wrk: { probe: '/usr/bin/wrk', purpose: 'load for the benchmark' },
  logrotate: { probe: '/usr/sbin/logrotate', purpose: 'the example for log rotation' },
  'mariadb-server': { probe: '/usr/sbin/mariadbd', purpose: 'a database for PHP over TCP' },
  'redis-server': { probe: '/usr/bin/redis-server', purpose: 'a session store for PHP over TCP' },
  prometheus: { probe: '/usr/bin/promtool', purpose: 'what Prometheus itself thinks of metrics and rules' },
  'collectd-core': { probe: '/usr/sbin/collectd', purpose: 'an agent that reads the status page' },
  libyajl2: {
    probe: '/usr/share/doc/libyajl2/copyright',
    purpose: 'the part of collectd that reads the status page',
  },
  'zabbix-agent': { probe: '/usr/sbin/zabbix_agentd', purpose: 'an agent that reads the status page' },
  tmux: { probe: '/usr/bin/tmux', purpose: 'a terminal for `hathi top`' },
  chromium: { probe: '/usr/bin/chromium', purpose: 'pages in a real browser' },
  dokuwiki: { probe: '/usr/share/dokuwiki/doku.php', purpose: 'a real application' },
  adminer: { probe: '/usr/share/adminer/adminer.php', purpose: 'a real application' },
} as const satisfies Record<string, DebianPackage>;

/** Name of a package in the list. */
export type DebianPackageName = keyof typeof debianPackages;

/** Packages of the list that are missing. */
export function missingPackages(): DebianPackageName[] {
  const isFresh = process.env['HATHI_TEST_IMAGE'] === 'debian';
  return packageNames().filter((name) => {
    const { probe, isAsked }: DebianPackage = debianPackages[name];
    return (isFresh || isAsked !== true) && !existsSync(probe);
  });
}

/** Debian's name of it. */
export function debianName(name: DebianPackageName): string {
  const known: DebianPackage = debianPackages[name];
  return known.package ?? name;
}

/** All names of the list. */
export function packageNames(): DebianPackageName[] {
  return Object.keys(debianPackages) as DebianPackageName[];
}

/**
 * The value for a test's `skip` option: `false` when everything is installed, else the reason. `root` means the right
 * to change users.
 */
export function requires(...needs: readonly (DebianPackageName | 'root')[]): string | false {
  const missing = needs.filter((need) =>
    need === 'root' ? process.getuid?.() !== 0 : !existsSync(debianPackages[need].probe),
  );
  const names = missing.map((need) => (need === 'root' ? need : debianName(need)));
  return names.length === 0 ? false : `needs ${names.join(', ')}`;
}
