/** Text of a pool with the common settings of tests, so that a test shows only its subject. */
import type { TestFolder } from './folder.ts';
import { isRoot } from './server.ts';

/**
 * A pool on the Unix socket `run/NAME.sock`, owned by www-data, static with one worker unless `lines` say otherwise.
 */
export function poolText(folder: TestFolder, name = 'www', lines = ''): string {
  const users = isRoot ? ['user = www-data', 'group = www-data', 'listen.owner = www-data'] : [];
  const given = new Set(lines.split('\n').map((line) => line.split('=')[0]?.trim()));
  const defaults = [
    ...users,
    'pm = static',
    'pm.max_children = 1',
    `listen = ${folder.join(`run/${name}.sock`)}`,
  ];
  const kept = defaults.filter((line) => !given.has(line.split('=')[0]?.trim()));
  return `[${name}]\n${kept.join('\n')}\n${lines}\n`;
}

/** The embedded engine's warnings about the guide's pool: it keeps a slow log without PHP stacks. */
export const guideWarnings = [/WARNING: \[pool myapp\] 'slowlog' is limited with the embedded engine/];

/**
 * The guide's production pool; only the name, the paths and (in a run without root) the users differ, and `lines` add
 * to it.
 */
export function guidePool(folder: TestFolder, lines = ''): string {
  const users = isRoot
    ? 'user = www-data\ngroup = www-data\nlisten.owner = www-data\nlisten.group = www-data'
    : '';
  return `[myapp]
${users}
listen = ${folder.join('run/myapp.sock')}
listen.mode = 0660
pm = dynamic
pm.max_children = 30
pm.start_servers = 5
pm.min_spare_servers = 3
pm.max_spare_servers = 10
pm.max_requests = 1000
slowlog = ${folder.join('log/myapp-slow.log')}
request_slowlog_timeout = 2s
pm.status_path = /fpm-status
ping.path = /fpm-ping
clear_env = yes
env[HOSTNAME] = $HOSTNAME
env[PATH] = /usr/local/bin:/usr/bin:/bin
php_admin_value[error_log] = ${folder.join('log/myapp-error.log')}
php_admin_flag[log_errors] = on
php_admin_value[memory_limit] = 256M
php_admin_value[upload_max_filesize] = 64M
php_admin_value[post_max_size] = 64M
${lines}
`;
}
