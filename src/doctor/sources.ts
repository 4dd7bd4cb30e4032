/** References of faults: pages that several checks cite. */

import type { Source } from './finding.ts';

function page(text: string, url: string): Source {
  return { text, url };
}

export const guide: Source = {
  text: 'PHP-FPM: Complete Setup, Configuration, and Optimization Guide, its checklist',
};
export const fpmManual = page(
  'php.net, FastCGI Process Manager: configuration',
  'https://www.php.net/manual/en/install.fpm.configuration.php',
);
export const opcacheManual = page(
  'php.net, OPcache: runtime configuration',
  'https://www.php.net/manual/en/opcache.configuration.php',
);
export const iniManual = page(
  'php.net, description of core php.ini directives',
  'https://www.php.net/manual/en/ini.core.php',
);
export const sessionManual = page(
  'php.net, sessions: runtime configuration',
  'https://www.php.net/manual/en/session.configuration.php',
);
export const nginxFastcgi = page(
  'nginx.org, ngx_http_fastcgi_module',
  'https://nginx.org/en/docs/http/ngx_http_fastcgi_module.html',
);
export const logrotateManual = page('logrotate(8)', 'https://man7.org/linux/man-pages/man8/logrotate.8.html');
export const listenManual = page('listen(2)', 'https://man7.org/linux/man-pages/man2/listen.2.html');
export const unixManual = page('unix(7)', 'https://man7.org/linux/man-pages/man7/unix.7.html');
export const fpmUserIni = page(
  'php.net, .user.ini files',
  'https://www.php.net/manual/en/configuration.file.per-user.php',
);
export const apacheOverride = page(
  'httpd.apache.org, AllowOverride',
  'https://httpd.apache.org/docs/2.4/mod/core.html#allowoverride',
);
export const aptManual = page('apt-cache(8)', 'https://manpages.debian.org/bookworm/apt/apt-cache.8.en.html');
export const finishManual = page(
  'php.net, fastcgi_finish_request()',
  'https://www.php.net/manual/en/function.fastcgi-finish-request.php',
);
export const phpVersions = page('php.net, supported versions', 'https://www.php.net/supported-versions.php');
export const phpChanges = page('php.net, changelog of PHP 8', 'https://www.php.net/ChangeLog-8.php');
