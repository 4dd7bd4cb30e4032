/** Faults that are planted into a site where nothing is wrong, each with the one check that has to see it. */
import { chmodSync, chownSync, symlinkSync } from 'node:fs';
import type { Facts } from '../../src/doctor/facts.ts';
import type { Severity } from '../../src/figures/findings.ts';
import { grantReadWrite } from '../../src/posix/acl.ts';
import { testedPhp } from '../harness/debian.ts';
import { aptPolicy, guideHost, type Site, unixRows } from './site.ts';

const shared = '/run/php/myapp-fpm.sock';

export interface Fault {
  readonly name: string;
  readonly id: string;
  readonly severity: Severity;
  readonly plant: (site: Site) => void;
  /** Changes what no file can: the engine that is built here has the PHP of this machine. */
  readonly alter?: (facts: Facts) => Facts;
  /** Expected text of the finding. */
  readonly seen: RegExp;
  /** Among the lines that mend it. */
  readonly mend: RegExp;
}

function fault(
  id: string,
  severity: Severity,
  name: string,
  rest: Pick<Fault, 'plant' | 'alter' | 'seen' | 'mend'>,
): Fault {
  return { id, severity, name, ...rest };
}

/** Adds lines to the pool's section. */
function add(...lines: readonly string[]): Fault['plant'] {
  return (site) => {
    site.pools += `${lines.join('\n')}\n`;
  };
}

function edit(from: string | RegExp, to: string): Fault['plant'] {
  return (site) => site.edit(from, to);
}

function addIni(...lines: readonly string[]): Fault['plant'] {
  return (site) => {
    site.ini += `${lines.join('\n')}\n`;
  };
}

/** A second pool like the first one. */
function secondPool(user: string): Fault['plant'] {
  return (site) => {
    const second = site.pools
      .replaceAll('myapp', 'shop')
      .replace('user = backup', `user = ${user}`)
      .replace('group = backup', `group = ${user}`);
    site.pools += `\n${second}`;
  };
}

function editNginx(from: string | RegExp, to: string): Fault['plant'] {
  return (site) => site.editNginx(from, to);
}

/** The guide's virtual host, changed, in place of the server block. */
function host(from: string | RegExp, to: string, also: Fault['plant'] = () => {}): Fault['plant'] {
  return (site) => {
    site.nginx = '';
    site.apache = guideHost.replace(from, to);
    if (site.apache === guideHost) throw new Error(`the virtual host has no ${from}`);
    also(site);
  };
}

/** The guide's virtual host, and such a file in a folder of its document root. */
function htaccess(folder: string, text: string): Fault['plant'] {
  return (site) => {
    site.nginx = '';
    site.apache = guideHost;
    site.folder.write(`docroot/${folder}.htaccess`, text);
  };
}

/** The pool and the web server on another address. */
function listenOn(listen: string): Fault['plant'] {
  return (site) => {
    site.edit(`listen = ${shared}`, `listen = ${listen}`);
    site.editNginx(
      /unix:\/run\/php\/myapp-fpm\.sock/g,
      listen.includes(':') ? listen : `127.0.0.1:${listen}`,
    );
  };
}

const byName = 'fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;';

/** A master, a host and workers of so many kilobytes each. */
function workers(kilobytes: number): Fault['plant'] {
  return (site) => {
    site.processes = [
      { pid: 100, title: `php-fpm: master process (${site.file})` },
      { pid: 101, parent: 100, title: 'php-fpm: pool myapp' },
      ...[102, 103].map((pid) => ({ pid, parent: 101, title: 'php-fpm: pool myapp', privateKb: kilobytes })),
    ];
  };
}

export const faults: readonly Fault[] = [
  fault('configuration', 'critical', 'a directive with a typing error', {
    plant: add('pm.max_childern = 3'),
    seen: /pm\.max_childern/,
    mend: /./,
  }),
  fault('configuration', 'critical', 'a user that nobody knows', {
    plant: edit('user = backup', 'user = nobody-knows-him'),
    seen: /nobody-knows-him/,
    mend: /./,
  }),
  fault('node-unsupported', 'warning', 'a Node after its end', {
    plant: (site) => {
      site.now = Date.parse('2028-05-02');
    },
    seen: /support of Node 24 ended on 2028-04-30/,
    mend: /HATHI_NODE/,
  }),
  fault('open-files', 'warning', 'a master with few descriptors', {
    plant: (site) => {
      site.processes = [{ pid: 100, title: `php-fpm: master process (${site.file})`, openFiles: 48 }];
    },
    seen: /may open 48 files, and needs 52/,
    mend: /LimitNOFILE=65536/,
  }),
  fault('memory', 'critical', 'measured workers that do not fit', {
    plant: workers(400 * 1024),
    seen: /myapp 30 x 400 MB: 11\.7 GB are 146 % of the 8\.0 GB of this machine \(by the private memory/,
    mend: /pm\.max_children = 16$/,
  }),
  fault('memory', 'warning', 'measured workers that eat the reserve', {
    plant: workers(240 * 1024),
    seen: /are 88 %/,
    mend: /pm\.max_children = 27$/,
  }),
  fault('memory', 'critical', 'a database that has what the workers want', {
    plant: (site) => {
      workers(150 * 1024)(site);
      site.usedKb = (5 * 1024 + 300) * 1024;
    },
    seen: /are 55 % of the 8\.0 GB of this machine \(.*others have 5\.0 GB\)/,
    mend: /pm\.max_children = 20$/,
  }),
  fault('memory', 'advice', 'many workers that nobody has measured', {
    plant: edit('pm.max_children = 30', 'pm.max_children = 200'),
    seen: /myapp 200 x 70 MB.*at 70 MB a worker where none runs/,
    mend: /pm\.max_children = 93$/,
  }),
  fault('memory', 'advice', 'many workers that have not run an application yet', {
    plant: (site) => {
      workers(600)(site);
      site.edit('pm.max_children = 30', 'pm.max_children = 200');
    },
    seen: /at 70 MB a worker where none runs/,
    mend: /pm\.max_children = 93$/,
  }),
  fault('memory', 'critical', 'a memory cgroup above the one of the master', {
    plant: (site) => {
      workers(70 * 1024)(site);
      site.folder.write('proc/100/cgroup', '0::/web.slice/php.service\n');
      site.folder.write('proc/self/mountinfo', '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n');
      site.folder.write('sys/fs/cgroup/web.slice/memory.current', '1000\n');
      site.folder.write('sys/fs/cgroup/web.slice/memory.max', `${1024 ** 3}\n`);
      site.folder.write('sys/fs/cgroup/web.slice/php.service/memory.max', 'max\n');
    },
    seen: /205 % of the 1\.0 GB of the cgroup .*web\.slice/,
    mend: /pm\.max_children = 11$/,
  }),
  fault('memory-limit', 'warning', 'no memory_limit', {
    plant: edit('[memory_limit] = 256M', '[memory_limit] = -1'),
    seen: /memory_limit is off/,
    mend: /memory_limit\] = 256M/,
  }),
  fault('memory-limit', 'warning', 'a memory_limit above the machine', {
    plant: edit('[memory_limit] = 256M', '[memory_limit] = 16G'),
    seen: /16\.0 GB, more than this machine/,
    mend: /memory_limit\] = 256M/,
  }),
  fault('memory-limit-raised', 'advice', 'scripts that take more', {
    plant: (site) => {
      site.edit('php_admin_value[memory_limit]', 'php_value[memory_limit]');
      site.folder.write('docroot/a/import.php', "<?php\n@ini_set('memory_limit', '-1');\n");
      site.folder.write('docroot/a/small.php', '<?php ini_set("memory_limit", "64M");');
      site.folder.write('docroot/b.php', `<?php ini_set ( "memory_limit" , 1024M ); // ${'x'.repeat(9000)}`);
    },
    seen: /memory_limit is 256 MB, and 2 scripts set a higher one: .*(import|b)\.php to /,
    mend: /^php_admin_value\[memory_limit\] = 256M$/,
  }),
  fault('max-requests', 'advice', 'workers that live for ever', {
    plant: edit(/^pm\.max_requests.*$/m, ''),
    seen: /never replaced/,
    mend: /pm\.max_requests = 1000/,
  }),
  fault('process-max', 'warning', 'process.max below the start', {
    plant: (site) => {
      site.global += 'process.max = 4\n';
    },
    seen: /process\.max = 4, and the pools start with 5 workers/,
    mend: /process\.max = 5/,
  }),
  ...['9000', '0.0.0.0:9000', '[::]:9001', '192.0.2.7:9000'].map((listen) =>
    fault('tcp-open', 'critical', `listen = ${listen}`, {
      plant: listenOn(listen),
      seen: /without listen\.allowed_clients/,
      mend: /listen = \/run\/php\/myapp\.sock/,
    }),
  ),
  ...['127.0.0.1:9000', 'localhost:9000', '[::1]:9000'].map((listen) =>
    fault('tcp-local', 'advice', `listen = ${listen}`, {
      plant: listenOn(listen),
      seen: /listen = /,
      mend: /\.sock/,
    }),
  ),
  ...['0666', '0777', '0662'].map((mode) =>
    fault('socket-mode', 'warning', `listen.mode = ${mode}`, {
      plant: edit('listen.mode = 0660', `listen.mode = ${mode}`),
      seen: /every user of this machine/,
      mend: /listen\.mode = 0660/,
    }),
  ),
  fault('socket-mode', 'warning', 'a list beside a mode for everybody', {
    plant: (site) => {
      edit(/^listen\.(?:owner|group) = .*\n/gm, '')(site);
      edit('listen.mode = 0660', 'listen.mode = 0666\nlisten.acl_users = www-data')(site);
    },
    seen: /every user of this machine/,
    mend: /listen\.mode = 0660/,
  }),
  fault('socket-web-user', 'critical', 'a list without the web server', {
    plant: (site) => {
      edit(/^listen\.(?:owner|group) = .*\n/gm, '')(site);
      add('listen.acl_users = backup,daemon', 'listen.acl_groups = mail')(site);
    },
    seen: /nginx runs as www-data, who may not connect to .*\(mode 0660, and not in its list\)/,
    mend: /listen\.acl_users = backup,daemon,www-data/,
  }),
  fault('socket-web-user', 'critical', 'a socket of the pool’s user', {
    plant: edit(/^listen\.(owner|group) = www-data$/gm, 'listen.$1 = backup'),
    seen: /nginx runs as www-data, who may not connect to .*\(mode 0660\)/,
    mend: /listen\.owner = www-data/,
  }),
  fault('socket-web-user', 'critical', 'a socket that Apache may not use', {
    plant: host('VirtualHost *:80', 'VirtualHost *:81', edit('listen.mode = 0660', 'listen.mode = 0400')),
    seen: /Apache runs as www-data, who may not connect to .*\(mode 0400\)/,
    mend: /listen\.mode = 0660/,
  }),
  fault('web-target', 'warning', 'a socket of another name', {
    plant: editNginx(
      'location / {',
      `location = /old.php {\ninclude fastcgi_params;\nfastcgi_pass unix:/run/php/hathi-test-gone.sock;\n${byName}\n}\nlocation / {`,
    ),
    seen: /it passes to \/run\/php\/hathi-test-gone\.sock, which no pool listens on/,
    mend: /fastcgi_pass unix:\/run\/php\/myapp-fpm\.sock;/,
  }),
  fault('web-missing-file', 'warning', 'no try_files', {
    plant: editNginx('try_files $uri =404;', ''),
    seen: /names that no file has are passed on to PHP$/,
    mend: /try_files \$fastcgi_script_name =404;/,
  }),
  fault('web-missing-file', 'warning', 'everything below a prefix, through an upstream', {
    plant: (site) => {
      site.editNginx(
        'location / {',
        `location /app/ {\ninclude fastcgi_params;\nfastcgi_buffer_size 8k;\nfastcgi_pass php;\n${byName}\n}\nlocation / {`,
      );
      site.nginx = `upstream php {\n  server unix:/run/php/myapp-fpm.sock;\n}\n${site.nginx}`;
    },
    seen: /passed on/,
    mend: /try_files/,
  }),
  fault('web-missing-file', 'warning', 'ProxyPassMatch', {
    plant: host(
      /<FilesMatch.*<\/FilesMatch>/s,
      'ProxyPassMatch "^/(.*\\.php(/.*)?)$" "unix:/run/php/myapp-fpm.sock|fcgi://localhost/srv/"',
    ),
    seen: /passed on/,
    mend: /<FilesMatch/,
  }),
  fault('web-status', 'warning', 'the guide’s location without its rules', {
    plant: editNginx(/allow 127\.0\.0\.1;\s*deny all;/, 'fastcgi_buffer_size 8k;'),
    seen: /everybody may ask for \/fpm-status and \/fpm-ping/,
    mend: /deny all;/,
  }),
  fault('web-status', 'warning', 'rules in the wrong order', {
    plant: editNginx(/allow 127\.0\.0\.1;/, 'fastcgi_buffer_size 8k; allow all;'),
    seen: /everybody may ask/,
    mend: /allow 127\.0\.0\.1;/,
  }),
  fault('web-status', 'warning', 'a front controller that is passed all paths', {
    plant: (site) => {
      site.editNginx(/location ~ \^\/\(fpm[^}]*\}/, '');
      site.editNginx(/location \/ \{[^}]*\}/, '');
      site.editNginx(
        'server_name',
        'location / {\nfastcgi_pass unix:/run/php/myapp-fpm.sock;\ninclude fastcgi_params;\nfastcgi_buffer_size 16k;\nfastcgi_param SCRIPT_FILENAME $document_root/index.php;\n}\nserver_name',
      );
    },
    seen: /everybody may ask for \/fpm-status and \/fpm-ping/,
    mend: /location = \/fpm-status \{/,
  }),
  fault('web-status', 'warning', 'a <Location> that lets everybody in', {
    plant: host(
      '<FilesMatch',
      '<Location "/fpm-status">\nSetHandler "proxy:unix:/run/php/myapp-fpm.sock|fcgi://localhost"\n</Location>\n<FilesMatch',
    ),
    seen: /everybody may ask for \/fpm-status$/,
    mend: /Require local/,
  }),
  fault('web-read-timeout', 'warning', 'nginx gives up first', {
    plant: add('request_terminate_timeout = 10m'),
    seen: /fastcgi_read_timeout is 300 s, and request_terminate_timeout = 600s/,
    mend: /fastcgi_read_timeout 605s;/,
  }),
  fault('web-read-timeout', 'warning', 'Apache gives up first', {
    plant: host('ServerName', 'ProxyTimeout 30\nServerName', add('request_terminate_timeout = 60')),
    seen: /ProxyTimeout is 30 s/,
    mend: /ProxyTimeout 65/,
  }),
  fault('web-buffering', 'warning', 'no buffers', {
    plant: editNginx('fastcgi_buffers 16 16k;', 'fastcgi_buffering off;'),
    seen: /fastcgi_buffering off/,
    mend: /fastcgi_buffering on;/,
  }),
  fault('web-head-buffer', 'advice', 'a head of 4 KB', {
    plant: editNginx('fastcgi_buffer_size 32k;', ''),
    seen: /not set/,
    mend: /fastcgi_buffer_size 32k;/,
  }),
  fault('web-symlink', 'warning', 'a release behind a link', {
    plant: (site) => {
      site.folder.write('releases/1/public/index.php', '<?php');
      symlinkSync('releases/1', site.folder.join('current'));
      site.editNginx('root DOCROOT', `root ${site.folder.join('current/public')}`);
      site.editNginx('$realpath_root', '$document_root');
    },
    seen: /current\/public is behind a symbolic link/,
    mend: /\$realpath_root\$fastcgi_script_name/,
  }),
  fault('htaccess-php-value', 'critical', 'a line of mod_php', {
    plant: htaccess('', 'RewriteEngine On\nphp_value upload_max_filesize 64M\nphp_flag display_errors off\n'),
    seen: /^php_value upload_max_filesize 64M and php_flag display_errors off: .* answers 500/,
    mend: /^upload_max_filesize = 64M$/,
  }),
  fault('htaccess-php-value', 'warning', 'the same where Apache has the module', {
    plant: htaccess('app/', '<IfModule mod_php.c>\nphp_value memory_limit 1G\n</IfModule>\n'),
    seen: /only mod_php reads it/,
    mend: /docroot\/app\/\.user\.ini:$/,
  }),
  fault('htaccess-opens', 'warning', 'a folder that shows its files', {
    plant: htaccess('up/', 'Options +Indexes\n'),
    seen: /^options \+Indexes shows the names of all files/,
    mend: /Take line 1 out of .*docroot\/up\/\.htaccess/,
  }),
  fault('htaccess-opens', 'warning', 'pictures that are run', {
    plant: htaccess(
      '',
      '<FilesMatch "\\.(php|jpg)$">\nSetHandler "proxy:unix:/run/php/myapp-fpm.sock|fcgi://localhost"\n</FilesMatch>\n',
    ),
    seen: /has files such as x\.jpg run as PHP/,
    mend: /Take line 2/,
  }),
  fault('htaccess-opens', 'warning', 'scripts by other names, left from mod_php', {
    plant: htaccess('', 'AddHandler application/x-httpd-php .php .html\n'),
    seen: /send the source of files such as x\.html/,
    mend: /Take line 1/,
  }),
  fault('htaccess-opens', 'warning', 'a hole in a closed folder', {
    plant: (site) => {
      site.folder.write('docroot/data/.htaccess', 'Require all denied\n');
      htaccess('data/media/', '<IfModule mod_authz_core.c>\nRequire all granted\n</IfModule>\n')(site);
    },
    seen: /^require all granted lets everybody in below a folder that is closed/,
    mend: /Take line 2/,
  }),
  fault('somaxconn', 'warning', 'a backlog above the kernel’s', {
    plant: add('listen.backlog = 5000'),
    seen: /listen\.backlog = 5000, and net\.core\.somaxconn is 4096/,
    mend: /net\.core\.somaxconn = 5000/,
  }),
  fault('other-master', 'critical', 'php-fpm beside a master on one socket', {
    plant: (site) => {
      site.folder.write(
        'proc/net/unix',
        unixRows([
          [55, shared],
          [56, shared],
          [57, '/run/other.sock'],
        ]),
      );
      site.processes = [
        { pid: 100, title: 'php-fpm: master process (/etc/php-fpm.conf)', sockets: [55] },
        { pid: 101, parent: 100, title: 'php-fpm: pool myapp', sockets: [55] },
        { pid: 200, name: 'node', title: 'php-fpm: master process (/etc/other.conf)', sockets: [56, 57] },
        { pid: 300, name: 'redis', title: 'redis', sockets: [57] },
      ];
    },
    seen: /2 masters .*php-fpm8\.2 \(pid 100\), node \(pid 200\)/,
    mend: /Stop all but one/,
  }),
  fault('pool-as-root', 'critical', 'a pool of root', {
    plant: edit('user = backup', 'user = root'),
    seen: /user = root/,
    mend: /user = myapp/,
  }),
  fault('shared-user', 'warning', 'two pools of one user', {
    plant: secondPool('backup'),
    seen: /the pools myapp and shop run as the user backup; their open_basedir differ/,
    mend: /user = shop/,
  }),
  fault('docroot-writable', 'warning', 'scripts of the pool’s user', {
    plant: (site) => chownSync(site.folder.write('docroot/app/index.php', '<?php echo 1;'), 34, 34),
    seen: /backup may write 1 of 3 scripts .*index\.php/,
    mend: /chown -R root:backup/,
  }),
  fault('docroot-writable', 'warning', 'a script that a list lets the pool write', {
    plant: (site) => {
      const script = site.folder.write('docroot/app/index.php', '<?php echo 1;');
      // The mode alone gives nothing: its group bits are the mask then.
      chmodSync(script, 0o640);
      grantReadWrite(script, 0o640, { users: [34], groups: [] });
    },
    seen: /backup may write 1 of 3 scripts .*index\.php/,
    mend: /^setfacl -R -b \/.*docroot$/,
  }),
  fault('docroot-writable', 'warning', 'a folder that all may write', {
    plant: (site) => {
      site.folder.write('docroot/up/load.php', '<?php echo 1;');
      site.folder.mkdir('docroot/up', 0o777);
    },
    seen: /backup may write 1 of 3 scripts and folders/,
    mend: /chmod -R/,
  }),
  ...[
    ['docroot/phpinfo.php', '<?php phpinfo();'],
    ['docroot/a/b/test.php', '<?php\n// later\nPHPInfo ( INFO_ALL );\n'],
    ['docroot/i.phtml', '<?= @phpinfo() ?>'],
  ].map(([path = '', text = '']) =>
    fault('phpinfo', 'warning', path, {
      plant: (site) => site.folder.write(path, text),
      seen: /calls phpinfo\(\)/,
      mend: /^rm \/.*\.ph/,
    }),
  ),
  fault('limit-extensions', 'warning', 'any file is a script', {
    plant: add('security.limit_extensions ='),
    seen: /any name/,
    mend: /security\.limit_extensions = \.php/,
  }),
  fault('clear-env', 'warning', 'the master’s environment', {
    plant: edit('clear_env = yes', 'clear_env = no'),
    seen: /clear_env = no/,
    mend: /clear_env = yes/,
  }),
  fault('display-errors', 'warning', 'errors in pages, by the pool', {
    plant: add('php_flag[display_errors] = on'),
    seen: /display_errors = 1/,
    mend: /display_errors\] = off/,
  }),
  fault('display-errors', 'warning', 'errors in pages, by php.ini', {
    plant: addIni('display_errors = stdout'),
    seen: /display_errors = stdout/,
    mend: /display_errors\] = off/,
  }),
  fault('url-include', 'warning', 'code from anywhere', {
    plant: addIni('allow_url_include = On'),
    seen: /allow_url_include is on/,
    mend: /allow_url_include\] = off/,
  }),
  fault('open-basedir', 'advice', 'no open_basedir', {
    plant: edit(/^php_admin_value\[open_basedir\].*$/m, ''),
    seen: /open_basedir is not set/,
    mend: /open_basedir\] = .*:\/tmp/,
  }),
  fault('disable-functions', 'advice', 'a list that leaves one', {
    plant: edit('shell_exec,', ''),
    seen: /scripts may call shell_exec$/,
    mend: /disable_functions\] = exec,passthru,system,.*,shell_exec/,
  }),
  fault('no-time-limit', 'warning', 'nothing ends a request', {
    plant: add('php_admin_value[max_execution_time] = 0'),
    seen: /are both 0/,
    mend: /request_terminate_timeout = /,
  }),
  fault('service-grace', 'advice', 'a unit with less time than a request', {
    plant: (site) => {
      add('request_terminate_timeout = 60s')(site);
      const start = `[Service]\nExecStart=/usr/local/bin/hathi -F --fpm-config ${site.file}\n`;
      site.folder.write('usr/lib/systemd/system/hathi.service', `${start}TimeoutStopSec=1h\n`);
      site.folder.write('etc/systemd/system/hathi.service', `${start}TimeoutStopSec=120\n`);
      site.folder.write('etc/systemd/system/hathi.service.d/time.conf', '[Service]\nTimeoutStopSec = 30s\n');
      site.folder.write(
        'etc/systemd/system/php8.2-fpm.service',
        '[Service]\nExecStart=/x /etc/other.conf\nTimeoutStopSec=1\n',
      );
    },
    seen: /the service has 30 s to stop, and a request may take 60 s/,
    mend: /TimeoutStopSec=70/,
  }),
  fault('slow-log-late', 'warning', 'ended before it is slow', {
    plant: add('request_terminate_timeout = 2s'),
    seen: /request_slowlog_timeout = 2s, and request_terminate_timeout = 2s/,
    mend: /request_slowlog_timeout = 1s/,
  }),
  fault('no-slow-log', 'advice', 'no threshold', {
    plant: edit(/^request_slowlog_timeout.*$/m, ''),
    seen: /slowlog is set, and request_slowlog_timeout is 0/,
    mend: /request_slowlog_timeout = 2s/,
  }),
  fault('log-not-rotated', 'warning', 'an access log elsewhere', {
    plant: add('access.log = /srv/logs/$pool.access.log'),
    seen: /access\.log \/srv\/logs\/myapp\.access\.log is in no file/,
    mend: /^\/srv\/logs\/myapp\.access\.log \{/,
  }),
  fault('log-not-rotated', 'warning', 'an error log below the folder of the pattern', {
    plant: edit('/var/log/php-fpm/myapp-error.log', '/var/log/php-fpm/myapp/error.log'),
    seen: /PHP's error_log/,
    mend: /myapp\/error\.log \{/,
  }),
  fault('log-rotated-twice', 'warning', 'Debian’s log in a file of one’s own', {
    plant: (site) =>
      site.folder.write(
        'etc/logrotate.d/mine',
        '"/var/log/php8.2-fpm.log" /var/log/mine/*.log\n{\n  weekly\n  copytruncate\n}\n',
      ),
    seen: /error_log \/var\/log\/php8\.2-fpm\.log is in .*\/debian:1 and in .*\/mine:2/,
    mend: /Take \/var\/log\/php8\.2-fpm\.log out of/,
  }),
  fault('log-not-reopened', 'warning', 'a rotation without a signal', {
    plant: (site) => site.folder.write('etc/logrotate.d/php-fpm', '/var/log/php-fpm/*.log {\n  weekly\n}\n'),
    seen: /slowlog \/var\/log\/php-fpm\/myapp-slow\.log is rotated, and no script/,
    mend: /kill -USR1 "\$\(cat \/run\/php\/php8\.2-fpm\.pid\)"/,
  }),
  fault('php-ini-syntax', 'critical', 'a quote that is not closed', {
    plant: (site) => site.folder.write('etc/php/conf.d/50-bad.ini', 'date.timezone = UTC\nx = (\ny = 1\n'),
    seen: /syntax error/,
    mend: /line 2 of .*50-bad\.ini/,
  }),
  fault('php-cves', 'warning', 'a PHP without the fixes of two years', {
    plant: () => {},
    alter: (facts) => ({
      ...facts,
      pools: facts.pools.map((pool) => ({
        ...pool,
        php: { ...pool.php, version: '8.2.18', onDisk: '8.2.18', fixed: new Set() },
      })),
    }),
    seen: /CVEs are mended up to 8\.2\.\d+ and not here: CVE-/,
    mend: /--only-upgrade 'php8\.2-\*'/,
  }),
  fault('php-update', 'warning', 'security fixes that wait', {
    plant: (site) => {
      site.apt = aptPolicy('8.9.99-1', 'bookworm-security');
    },
    seen: /is installed, and apt's lists have 8\.9\.99-1, with security fixes$/,
    mend: new RegExp(`^apt-get install --only-upgrade 'php${testedPhp}-\\*'$`),
  }),
  fault('php-update', 'advice', 'a newer package', {
    plant: (site) => {
      site.apt = aptPolicy('8.9.99-1');
    },
    seen: /apt's lists have 8\.9\.99-1$/,
    mend: /--only-upgrade/,
  }),
  fault('php-unsupported', 'warning', 'a branch after its end', {
    plant: (site) => {
      site.folder.write('etc/os-release', 'VERSION_CODENAME=unheard\n');
      site.now = Date.parse('2027-03-01');
    },
    seen: /support of PHP 8\.2 ended on 2026-12-31; it runs the pool myapp/,
    mend: /engine\.php/,
  }),
  fault('php-replaced', 'warning', 'a program that is gone from the disk', {
    plant: (site) => {
      site.processes = [
        {
          pid: 100,
          title: 'php-fpm: master process (/etc/php-fpm.conf)',
          program: '/usr/sbin/php-fpm8.2 (deleted)',
        },
        { pid: 200, title: 'node', program: '/usr/bin/node (deleted)' },
      ];
    },
    seen: /it runs \/usr\/sbin\/php-fpm8\.2, which has been replaced/,
    mend: /hathi reload/,
  }),
  fault('php-replaced', 'warning', 'a package that is newer than the engine', {
    plant: (site) =>
      site.folder.write(
        'var/lib/dpkg/status',
        'Package: php8.2-fpm\nStatus: install ok installed\nVersion: 8.2.99-1~deb12u1\n\n',
      ),
    seen: /it runs on PHP 8\.2\.\d+, and 8\.2\.99 is installed/,
    mend: /hathi build/,
  }),
  fault('extension-order', 'advice', 'what is needed above what needs it', {
    plant: add(
      'php_admin_value[extension] = igbinary.so',
      'php_admin_value[extension] = /usr/lib/php/redis.so',
    ),
    seen: /igbinary is above redis, which needs it/,
    mend: /^php_admin_value\[extension\] = redis\.so$/,
  }),
  fault('session-path', 'warning', 'sessions of root', {
    plant: (site) => {
      const folder = site.folder.mkdir('sessions', 0o700);
      site.ini += `session.save_path = "1;0600;${folder}"\n`;
    },
    seen: /backup may not make files in session\.save_path \/.*sessions/,
    mend: /session\.save_path\] = /,
  }),
  fault('xdebug', 'warning', 'Xdebug beside the JIT', {
    plant: addIni('zend_extension=/usr/lib/php/20220829/xdebug.so'),
    seen: /the JIT, which is configured, is switched off/,
    mend: /phpdismod -s fpm xdebug/,
  }),
  fault('xdebug', 'warning', 'Xdebug without the JIT', {
    plant: addIni('zend_extension=xdebug', 'opcache.jit=off'),
    seen: /xdebug is loaded$/,
    mend: /xdebug/,
  }),
  fault('opcache-off', 'warning', 'OPcache switched off', {
    plant: addIni('opcache.enable=0'),
    seen: /opcache\.enable is off/,
    mend: /opcache\.enable=1/,
  }),
  fault('opcache-off', 'warning', 'OPcache not loaded', {
    plant: (site) => site.folder.write('etc/php/conf.d/10-opcache.ini', '; nothing\n'),
    seen: /loads OPcache/,
    mend: /zend_extension=opcache/,
  }),
  fault('opcache-keys', 'warning', 'more scripts than keys', {
    plant: (site) => {
      site.ini += 'opcache.max_accelerated_files=200\n';
      for (let index = 0; index < 201; index++) site.folder.write(`docroot/s${index}.php`, '<?php');
    },
    seen: /max_accelerated_files is 200, and its document roots hold 201 scripts/,
    mend: /max_accelerated_files=512/,
  }),
  fault('opcache-timestamps', 'advice', 'files asked for their times', {
    plant: addIni('opcache.validate_timestamps=1'),
    seen: /validate_timestamps is on/,
    mend: /validate_timestamps=0/,
  }),
];

/** A link that leads out of a document root, for tests of what is not followed. */
export function linkOut(site: Site, name: string, target: string): void {
  symlinkSync(target, site.folder.join('docroot', name));
}

/** What WordPress writes, and what an application that wants to be closed has. */
const usualHtaccess = `# BEGIN WordPress
<IfModule mod_rewrite.c>
RewriteEngine On
RewriteBase /
RewriteRule ^index\\.php$ - [L]
</IfModule>
Options -Indexes +FollowSymLinks
Require all granted
AddType image/webp .webp
`;

/** What looks like a fault, and is none. */
export const harmless: readonly Pick<Fault, 'name' | 'plant'>[] = [
  {
    name: 'a list with the web server in it, beside owners that it replaces',
    plant: (site) => {
      edit(/^listen\.(owner|group) = www-data$/gm, 'listen.$1 = root')(site);
      add('listen.acl_users = backup,www-data')(site);
    },
  },
  {
    name: "a list with the web server's group",
    plant: add('listen.acl_groups = www-data'),
  },
  {
    name: 'a list that lets another user write scripts',
    plant: (site) =>
      grantReadWrite(site.folder.write('docroot/a.php', '<?php'), 0o640, { users: [33], groups: [] }),
  },
  {
    name: 'extensions in the order that a pool needs, and scripts that the pool does not let have more',
    plant: (site) => {
      add('php_admin_value[extension] = redis.so', 'php_admin_value[extension] = igbinary.so')(site);
      site.folder.write('docroot/import.php', "<?php ini_set('memory_limit', '-1');");
    },
  },
  {
    name: 'an application’s usual file',
    plant: (site) => {
      htaccess('', usualHtaccess)(site);
      site.folder.write('docroot/data/.htaccess', 'Require all denied\n');
      site.folder.write(
        'docroot/data/a/.htaccess',
        'Require all denied\n<Files a>\nDeny from all\n</Files>\n',
      );
      site.folder.write(
        'docroot/php/.htaccess',
        '<Files ~ "\\.php$">\nSetHandler "proxy:unix:/run/php/myapp-fpm.sock|fcgi://localhost"\n</Files>\nAddHandler application/x-httpd-php83 .php .php8\n',
      );
    },
  },
  {
    name: 'a file that Apache does not read',
    plant: (site) => {
      htaccess('', 'php_value a b\nOptions +Indexes\n')(site);
      site.apache = guideHost.replace('AllowOverride All', 'AllowOverride None');
    },
  },
  {
    name: 'a file for nginx, which reads none',
    plant: (site) => site.folder.write('docroot/.htaccess', 'php_value a b\nOptions +Indexes\n'),
  },
  {
    name: 'directives of classes that the server keeps to itself',
    plant: (site) => {
      htaccess('', 'Options +Indexes\nAddType application/x-httpd-php .html\n')(site);
      site.apache = guideHost.replace('AllowOverride All', 'AllowOverride AuthConfig Limit');
    },
  },
  {
    name: 'mod_php’s lines where Apache has mod_php as well',
    plant: (site) => {
      htaccess('', 'php_value memory_limit 1G\n')(site);
      site.apache = `LoadModule php_module /usr/lib/apache2/modules/libphp8.2.so\n${guideHost}`;
    },
  },
];
