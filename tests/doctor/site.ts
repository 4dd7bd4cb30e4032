/**
 * A Debian installation with the pool, the OPcache settings and the web server's configuration of the guide whose
 * checklist the doctor is, in a folder: nothing is wrong with it. A test plants a fault by changing a part.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { checks } from '../../src/doctor/checks.ts';
import type { Facts } from '../../src/doctor/facts.ts';
import { examine, type Finding } from '../../src/doctor/finding.ts';
import type { LiveFacts } from '../../src/doctor/live-facts.ts';
import { readFacts } from '../../src/doctor/read/facts.ts';
import { requires, testedPhp } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { nativeBuild } from '../native/built-engine.ts';

/** The guide's own lines, but for the user, who has to exist here. */
const guidePool = `[myapp]
user = backup
group = backup
listen = /run/php/myapp-fpm.sock
listen.owner = www-data
listen.group = www-data
listen.mode = 0660
pm = dynamic
pm.max_children = 30
pm.start_servers = 5
pm.min_spare_servers = 3
pm.max_spare_servers = 10
pm.max_requests = 1000
slowlog = /var/log/php-fpm/myapp-slow.log
request_slowlog_timeout = 2s
pm.status_path = /fpm-status
ping.path = /fpm-ping
clear_env = yes
env[HOSTNAME] = $HOSTNAME
env[PATH] = /usr/local/bin:/usr/bin:/bin
php_admin_value[error_log] = /var/log/php-fpm/myapp-error.log
php_admin_flag[log_errors] = on
php_admin_value[memory_limit] = 256M
php_admin_value[upload_max_filesize] = 64M
php_admin_value[post_max_size] = 64M
php_admin_value[disable_functions] = exec,passthru,shell_exec,system,proc_open,popen,curl_exec,curl_multi_exec,parse_ini_file,show_source
php_admin_value[open_basedir] = /var/www/myapp:/tmp
`;

const guideOpcache = `opcache.enable=1
opcache.memory_consumption=256
opcache.interned_strings_buffer=16
opcache.max_accelerated_files=20000
opcache.revalidate_freq=0
opcache.validate_timestamps=0
opcache.jit_buffer_size=128M
opcache.jit=tracing
`;

const rotation = `/var/log/php-fpm/*.log {
  weekly
  rotate 12
  missingok
  notifempty
  postrotate
    [ ! -r /run/php/php8.2-fpm.pid ] || kill -USR1 "$(cat /run/php/php8.2-fpm.pid)"
  endscript
}
`;

/** The guide's own server block; DOCROOT is replaced. */
const guideServer = `server {
    listen 80;
    server_name example.com;
    root DOCROOT;
    index index.php index.html;
    # Serve static files directly, no PHP involvement
    location / {
        try_files $uri $uri/ /index.php?$query_string;
    }
    # Delegate PHP to PHP-FPM
    location ~ \\.php$ {
        # Security: prevent executing uploaded files as PHP
        try_files $uri =404;
        fastcgi_split_path_info ^(.+\\.php)(/.+)$;
        fastcgi_pass unix:/run/php/myapp-fpm.sock;
        fastcgi_index index.php;
        fastcgi_param SCRIPT_FILENAME $realpath_root$fastcgi_script_name;
        include fastcgi_params;
        # Performance tuning
        fastcgi_buffers 16 16k;
        fastcgi_buffer_size 32k;
        fastcgi_read_timeout 300;
    }
    # Block access to the FPM status page from public
    location ~ ^/(fpm-status|fpm-ping)$ {
        allow 127.0.0.1;
        deny all;
        fastcgi_pass unix:/run/php/myapp-fpm.sock;
        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
        include fastcgi_params;
    }
}
`;

/** The guide's own virtual host; DOCROOT is replaced. */
export const guideHost = `<VirtualHost *:80>
  ServerName example.com
  DocumentRoot DOCROOT
  <Directory DOCROOT>
    Options -Indexes +FollowSymLinks
    AllowOverride All
    Require all granted
  </Directory>
  <FilesMatch "\\.php$">
    SetHandler "proxy:unix:/run/php/myapp-fpm.sock|fcgi://localhost/"
  </FilesMatch>
  ErrorLog \${APACHE_LOG_DIR}/myapp-error.log
  CustomLog \${APACHE_LOG_DIR}/myapp-access.log combined
</VirtualHost>
`;

/** A process of the folder's own /proc. */
export interface FakeProcess {
  readonly pid: number;
  readonly parent?: number;
  readonly name?: string;
  readonly title: string;
  readonly program?: string;
  /** Kilobytes of its own. */
  readonly privateKb?: number;
  /** Inodes of sockets. */
  readonly sockets?: readonly number[];
  readonly openFiles?: number;
}

/** The parts that a test may change before it asks. */
export class Site implements Disposable {
  readonly folder = new TestFolder('hathi-doctor-');
  pools = guidePool;
  global = 'pid = /run/php/php8.2-fpm.pid\nerror_log = /var/log/php8.2-fpm.log\n';
  ini = guideOpcache;
  nginx = guideServer;
  /** Apache is installed where there is a text. */
  apache = '';
  memoryKb = 8 * 1024 ** 2;
  usedKb = 0;
  now = Date.parse('2026-11-29');
  /** What apt says about its packages. */
  apt = aptPolicy(installedVersion());
  processes: readonly FakeProcess[] = [];

  constructor() {
    this.folder.write('etc/logrotate.d/php-fpm', rotation);
    this.folder.write('proc/sys/net/core/somaxconn', '4096\n');
    this.folder.mkdir('docroot');
    copyFromDebian(this.folder);
    copyNginx(this.folder);
  }

  /** Path of the master's configuration. */
  get file(): string {
    return this.folder.join('etc/php/php-fpm.conf');
  }

  get docroot(): string {
    return this.folder.join('docroot');
  }

  /** Changes a text of the pool, which has to be there. */
  edit(from: string | RegExp, to: string): void {
    const edited = this.pools.replace(from, to);
    if (edited === this.pools) throw new Error(`the pool has no ${from}`);
    this.pools = edited;
  }

  /** The same of the server block. */
  editNginx(from: string | RegExp, to: string): void {
    const edited = this.nginx.replace(from, to);
    if (edited === this.nginx) throw new Error(`the server block has no ${from}`);
    this.nginx = edited;
  }

  facts(nginx?: string, live?: LiveFacts): Facts {
    const { folder } = this;
    folder.write('etc/nginx/sites-enabled/myapp', this.nginx.replaceAll('DOCROOT', this.docroot));
    if (this.apache !== '') writeApache(folder, this.apache.replaceAll('DOCROOT', this.docroot));
    folder.write('etc/php/php-fpm.conf', `[global]\n${this.global}\n${this.pools}`);
    folder.write('etc/php/conf.d/99-guide.ini', this.ini);
    folder.write(
      'proc/meminfo',
      `MemTotal:       ${this.memoryKb} kB\nMemAvailable:   ${this.memoryKb - this.usedKb} kB\n`,
    );
    for (const each of this.processes) writeProcess(folder, each);
    const choice = {
      file: this.file,
      prefix: undefined,
      phpIni: undefined,
      docroots: [],
      nginx,
      apache: undefined,
      root: folder.path,
      env: {},
      now: this.now,
      askApt: () => this.apt,
      progress: () => {},
    };
    return readFacts(choice, live);
  }

  findings(): Finding[] {
    return examine(checks, this.facts());
  }

  [Symbol.dispose](): void {
    this.folder[Symbol.dispose]();
  }
}

/** php.ini files, logrotate's file, package and changelog as Debian has them on this machine. */
function copyFromDebian(folder: TestFolder): void {
  const php = `/etc/php/${testedPhp}/fpm`;
  for (const name of [
    'etc/php/conf.d',
    `usr/share/doc/php${testedPhp}-fpm`,
    'var/lib/dpkg',
    'etc/nginx/snippets',
    'etc/nginx/sites-enabled',
    'etc/logrotate.d',
  ])
    mkdirSync(folder.join(name), { recursive: true });
  const changelog = `usr/share/doc/php${testedPhp}-fpm/changelog.Debian.gz`;
  const links: readonly (readonly [from: string, to: string])[] = [
    ['etc/php/php.ini', join(php, 'php.ini')],
    ['etc/php/conf.d/10-opcache.ini', join(php, 'conf.d/10-opcache.ini')],
    ['etc/logrotate.d/debian', `/etc/logrotate.d/php${testedPhp}-fpm`],
    ['etc/os-release', '/etc/os-release'],
    [changelog, `/${changelog}`],
    ...['fastcgi_params', 'fastcgi.conf', 'mime.types', 'snippets/fastcgi-php.conf'].map(
      (name) => [`etc/nginx/${name}`, `/etc/nginx/${name}`] as const,
    ),
    ['etc/nginx/sites-enabled/default', '/etc/nginx/sites-available/default'],
  ];
  for (const [from, to] of links) if (existsSync(to)) symlinkSync(to, folder.join(from));
  extensions ??= readExtensions(join(php, 'conf.d'));
  folder.write('etc/php/conf.d/20-extensions.ini', extensions);
  stanzas ??= readStanzas();
  folder.write('var/lib/dpkg/status', stanzas);
}

let extensions: string | undefined;
let stanzas: string | undefined;

/** What is in thirty files, in one: a site is made for each fault. */
function readExtensions(folder: string): string {
  const names = readdirSync(folder).filter((name) => name !== '10-opcache.ini');
  return names.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
}

/** Of PHP's packages alone: the whole file has megabytes. */
function readStanzas(): string {
  const status = readFileSync('/var/lib/dpkg/status', 'utf8').split('\n\n');
  return `${status.filter((stanza) => stanza.startsWith(`Package: php${testedPhp}-`)).join('\n\n')}\n`;
}

/** The version of PHP's package on this machine. */
export function installedVersion(): string {
  stanzas ??= readStanzas();
  return new RegExp(`^Package: php${testedPhp}-fpm\n[^]*?^Version: (\\S+)$`, 'm').exec(stanzas)?.[1] ?? '';
}

/** What `apt-cache policy` prints where an archive has that version. */
export function aptPolicy(candidate: string, archive = 'bookworm'): string {
  const installed = installedVersion();
  const row = (version: string, mark: string, source: string): string =>
    ` ${mark} ${version} 500\n        500 ${source}\n`;
  const source = `http://deb.debian.org/debian ${archive}/main amd64 Packages`;
  const rows =
    candidate === installed
      ? `${row(installed, '***', source)}        100 /var/lib/dpkg/status\n`
      : `${row(candidate, '   ', source)}${row(installed, '***', 'http://deb.debian.org/debian bookworm/main amd64 Packages')}        100 /var/lib/dpkg/status\n`;
  return `php${testedPhp}-fpm:\n  Installed: ${installed}\n  Candidate: ${candidate}\n  Version table:\n${rows}`;
}

/** Debian's main file of nginx, at home in the folder: real nginx may be asked about it as well. */
function copyNginx(folder: TestFolder): void {
  const text = readFileSync('/etc/nginx/nginx.conf', 'utf8')
    .replaceAll('/etc/nginx/', `${folder.join('etc/nginx')}/`)
    .replace('/run/nginx.pid', folder.join('nginx.pid'))
    .replaceAll('/var/log/nginx', folder.path);
  folder.write('etc/nginx/nginx.conf', text);
}

function writeApache(folder: TestFolder, host: string): void {
  folder.write('etc/apache2/apache2.conf', readFileSync('/etc/apache2/apache2.conf'));
  folder.write('etc/apache2/envvars', readFileSync('/etc/apache2/envvars'));
  folder.write('etc/apache2/sites-enabled/myapp.conf', host);
}

function writeProcess(folder: TestFolder, each: FakeProcess): void {
  const place = `proc/${each.pid}`;
  folder.write(`${place}/status`, `Name:\t${each.name ?? 'php-fpm8.2'}\nPPid:\t${each.parent ?? 1}\n`);
  folder.write(`${place}/cmdline`, `${each.title}\0`);
  folder.write(
    `${place}/smaps_rollup`,
    `Rss: 1 kB\nPrivate_Clean: 0 kB\nPrivate_Dirty: ${each.privateKb ?? 0} kB\n`,
  );
  folder.write(`${place}/limits`, `Max open files            ${each.openFiles ?? 65536}   65536   files\n`);
  symlinkSync(each.program ?? '/usr/sbin/php-fpm8.2', folder.join(place, 'exe'));
  folder.mkdir(`${place}/fd`);
  for (const [fd, inode] of (each.sockets ?? []).entries()) {
    symlinkSync(`socket:[${inode}]`, folder.join(place, `fd/${fd + 3}`));
  }
}

/** Rows of /proc/net/unix for listening sockets: inode and path. */
export function unixRows(rows: readonly (readonly [number, string])[]): string {
  const text = rows.map(
    ([inode, path]) => `0000000000000000: 00000002 00000000 00010000 0001 01 ${inode} ${path}`,
  );
  return `Num       RefCount Protocol Flags    Type St Inode Path\n${text.join('\n')}\n`;
}

/** Whether the machine has what a site is copied from. */
export function siteSkip(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, for files of other users';
  if (!existsSync(`/etc/php/${testedPhp}/fpm/php.ini`)) return `PHP-FPM ${testedPhp} is not installed`;
  if (requires('nginx', 'apache2')) return requires('nginx', 'apache2');
  return nativeBuild().skip;
}

/** Engines are looked for where the environment of the process says. */
export function useNativeEngine(): void {
  if (nativeBuild().skip === false) process.env['HATHI_ENGINE_DIR'] = nativeBuild().folder;
}
