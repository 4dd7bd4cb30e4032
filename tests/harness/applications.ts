/** Real PHP applications from Debian's packages, copied into a test's folder and owned by the pool's user. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TestFolder } from './folder.ts';
import { isRoot } from './server.ts';

function giveToPool(path: string): void {
  if (isRoot) execFileSync('/bin/chown', ['-R', 'www-data:www-data', path]);
}

/**
 * Copies DokuWiki as it is before its installer runs. Debian spreads it over /usr/share, /var/lib and /etc and points
 * there in inc/preload.php; without that file DokuWiki searches its own folder, as upstream's does.
 */
export function copyDokuWiki(folder: TestFolder): string {
  const root = folder.join('www/wiki');
  cpSync('/usr/share/dokuwiki', root, {
    recursive: true,
    dereference: true,
    filter: (path) => !path.endsWith('/.htaccess'),
  });
  rmSync(join(root, 'inc/preload.php'));
  for (const name of [
    'attic',
    'cache',
    'index',
    'locks',
    'log',
    'media',
    'media_attic',
    'media_meta',
    'meta',
    'pages',
    'tmp',
  ]) {
    mkdirSync(join(root, 'data', name), { recursive: true });
  }
  mkdirSync(join(root, 'conf'));
  for (const name of readdirSync('/etc/dokuwiki')) {
    const path = join('/etc/dokuwiki', name);
    const ours = /^(local|users\.auth|acl\.auth|plugins\.local)\.php$/.test(name);
    if (!ours && statSync(path).isFile()) copyFileSync(path, join(root, 'conf', name));
  }
  // Debian's defaults name its own folder for the pages.
  const defaults = join(root, 'conf/dokuwiki.php');
  writeFileSync(defaults, readFileSync(defaults, 'utf8').replaceAll('/var/lib/dokuwiki/data', './data'));
  giveToPool(root);
  return root;
}

/** Adminer with the plugin that its documentation recommends for SQLite, a database without passwords. */
export function copyAdminer(folder: TestFolder): string {
  const root = folder.join('www/adminer');
  // An empty file is an empty database.
  folder.write('www/adminer/data/herd.db', '');
  copyFileSync('/usr/share/adminer/adminer.php', join(root, 'adminer.php'));
  // Since version 5 the program itself has the class that holds plugins.
  const holder = '/usr/share/adminer/plugins/plugin.php';
  const isSeparate = existsSync(holder);
  if (isSeparate) copyFileSync(holder, join(root, 'plugin.php'));
  copyFileSync('/usr/share/adminer/plugins/login-password-less.php', join(root, 'login-password-less.php'));
  folder.write(
    'www/adminer/index.php',
    `<?php
function adminer_object() {
  ${isSeparate ? "include_once __DIR__ . '/plugin.php';" : ''}
  include_once __DIR__ . '/login-password-less.php';
  return new ${isSeparate ? 'AdminerPlugin' : 'Adminer\\Plugins'}([new AdminerLoginPasswordLess(password_hash('trunk', PASSWORD_DEFAULT))]);
}
include __DIR__ . '/adminer.php';
`,
  );
  giveToPool(root);
  return root;
}

/** The nginx server block for such an application. */
export function applicationBlock(port: number, root: string, socket: string): string {
  return `server {
listen 127.0.0.1:${port};
root ${root};
index doku.php index.php;
client_max_body_size 64m;
location / { try_files $uri $uri/ =404; }
location ~ \\.php$ {
try_files $uri =404;
fastcgi_pass unix:${socket};
fastcgi_param SCRIPT_FILENAME $realpath_root$fastcgi_script_name;
include /etc/nginx/fastcgi_params;
# Debian's file sends $host, which has no port; applications build redirects from this variable.
fastcgi_param HTTP_HOST $http_host;
fastcgi_buffers 16 16k;
fastcgi_buffer_size 32k;
}
}`;
}
