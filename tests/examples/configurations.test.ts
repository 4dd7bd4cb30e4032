/** Every example configuration is loaded by the program that it is for. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { phpFpm, requires, testedPhp } from '../harness/debian.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { run } from '../harness/server.ts';

const examples = join(checkout, 'examples');
const read = (path: string) => readFileSync(join(examples, path), 'utf8');

/** The commands of systemd that look at a unit without a running systemd. */
const analyze = '/usr/bin/systemd-analyze';

test('nginx takes the server block', { skip: requires('nginx') }, async () => {
  using folder = new TestFolder();
  const config = folder.write(
    'nginx.conf',
    `pid ${folder.join('pid')};
error_log stderr;
events {}
http {
  access_log off;
  client_body_temp_path ${folder.join('body')};
  proxy_temp_path ${folder.join('proxy')};
  fastcgi_temp_path ${folder.join('fastcgi')};
  uwsgi_temp_path ${folder.join('uwsgi')};
  scgi_temp_path ${folder.join('scgi')};
  include ${join(examples, 'nginx/myapp.conf')};
}
`,
  );
  folder.write('fastcgi_params', readFileSync('/etc/nginx/fastcgi_params'));
  const { code, stderr } = await run('/usr/sbin/nginx', ['-t', '-c', config]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /\[(warn|error|emerg)\]/);
});

test('Apache takes the virtual host', { skip: requires('apache2') }, async () => {
  using folder = new TestFolder();
  folder.mkdir('public');
  const modules = ['mpm_event', 'authz_core', 'authz_host', 'proxy', 'proxy_fcgi', 'setenvif'];
  const vhost = read('apache/myapp.conf').replaceAll('/var/www/myapp', folder.path);
  const config = folder.write(
    'apache.conf',
    `${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
ServerName localhost
Define APACHE_LOG_DIR ${folder.path}
PidFile ${folder.join('pid')}
DefaultRuntimeDir ${folder.path}
ErrorLog ${folder.join('error.log')}
LogFormat "%h %l %u %t \\"%r\\" %>s %O" combined
${vhost}`,
  );
  const { code, stderr } = await run('/usr/sbin/apache2', ['-t', '-f', config]);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /Syntax OK/);
});

test('Caddy takes the Caddyfile', { skip: requires('caddy') }, async () => {
  using folder = new TestFolder();
  const args = ['validate', '--adapter', 'caddyfile', '--config', join(examples, 'caddy/Caddyfile')];
  const { code, stderr } = await run('/usr/bin/caddy', args, {
    env: { HOME: folder.path, XDG_DATA_HOME: folder.path, XDG_CONFIG_HOME: folder.path },
  });
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /"level":"(warn|error)"/);
});

test('systemd takes the units', { skip: existsSync(analyze) ? false : `needs ${analyze}` }, async () => {
  using folder = new TestFolder();
  const service = read('systemd/hathi.service');
  // Only a command that exists passes; the place of hathi is the installation's business.
  assert.match(service, /^ExecStart=\/usr\/local\/bin\/hathi /m);
  assert.match(service, /^ExecReload=\/usr\/local\/bin\/hathi reload /m);
  const units = [
    folder.write('hathi.service', service.replaceAll('/usr/local/bin/hathi', '/bin/true')),
    folder.write('hathi.socket', read('systemd/hathi.socket')),
  ];
  const { code, stderr } = await run(analyze, ['verify', '--man=no', ...units]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, new RegExp(folder.path));
});

/** The settings of a unit, each with all its values; an empty one forgets those before. */
function settingsOf(unit: string): Map<string, string[]> {
  const settings = new Map<string, string[]>();
  for (const [, name = '', value = ''] of unit.matchAll(/^(\w+)=(.*)$/gm)) {
    settings.set(name, value === '' ? [] : [...(settings.get(name) ?? []), value]);
  }
  return settings;
}

test('the unit, and the drop-in for that of Debian, leave /run/php to its owner and workers to the master', () => {
  const service = settingsOf(read('systemd/hathi.service'));
  const dropIn = settingsOf(read('systemd/php8.2-fpm.service.d/hathi.conf'));
  // systemd gives such a folder, with all that is in it, to the service's user.
  assert.deepEqual(service.get('RuntimeDirectory'), ['hathi']);
  assert.deepEqual(service.get('OOMPolicy'), ['continue']);
  assert.deepEqual(service.get('RestartPreventExitStatus'), ['64 70 78']);
  for (const [name, value] of dropIn) {
    // The unit has a sandbox, which these commands are not for.
    const own = service.get(name)?.map((text) => text.replace(/^-\+/, '-'));
    assert.deepEqual(own, value, name);
  }
});

test('the unit does for Debian\u2019s socket helper what Debian\u2019s unit does', {
  skip: requires('php-fpm'),
}, () => {
  const debian = settingsOf(readFileSync(`/lib/systemd/system/php${testedPhp}-fpm.service`, 'utf8'));
  const ours = settingsOf(read('systemd/hathi.service'));
  for (const name of ['ExecStartPost', 'ExecStopPost']) {
    const [command = ''] = ours.get(name) ?? [];
    // A crash is no stop.
    const helper = command.replace(/\/bin\/sh -c '[^']*' /, '');
    const here = helper.replaceAll('8.2', testedPhp).replace(/82$/, testedPhp.replace('.', ''));
    // Outside of the sandbox, in which /etc cannot be written.
    assert.deepEqual([here.replace(/^-\+/, '-')], debian.get(name));
  }
});

test('the sandbox of the unit is at most so open', {
  skip: existsSync(analyze) ? false : `needs ${analyze}`,
}, async () => {
  using folder = new TestFolder();
  const unit = folder.write('hathi.service', read('systemd/hathi.service'));
  // Tenths; 8.6 without a sandbox. Restrictions that an application may not tolerate are left out, so that 4.4 remain.
  const { code, stdout, stderr } = await run(analyze, ['security', '--offline=true', '--threshold=45', unit]);
  assert.equal(code, 0, stdout.slice(-200) + stderr);
});

test('logrotate takes the rotation beside that of Debian, and would rotate every log', {
  skip: requires('logrotate', 'php-fpm'),
}, async () => {
  using folder = new TestFolder();
  folder.write('log/php-fpm/myapp-slow.log', 'slow\n');
  folder.write('log/php8.2-fpm.log', 'notice\n');
  const here = (text: string) => text.replaceAll(testedPhp, '8.2').replaceAll('/var/log', folder.join('log'));
  const debian = here(readFileSync(`/etc/logrotate.d/php${testedPhp}-fpm`, 'utf8'));
  folder.write('logrotate.d/php8.2-fpm', debian);
  folder.write('logrotate.d/hathi', here(read('logrotate/hathi')));
  const config = folder.write('logrotate.conf', `include ${folder.join('logrotate.d')}\n`);
  const { code, stderr } = await run('/usr/sbin/logrotate', ['-d', '-f', '-s', folder.join('state'), config]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /error:|duplicate/);
  assert.match(stderr, /rotating log .*myapp-slow\.log/);
  assert.match(stderr, /rotating log .*php8\.2-fpm\.log/);
});

/** The pools with paths and users of this machine in the places of those that an administrator makes. */
function adapted(folder: TestFolder): string {
  for (const name of ['production', 'ondemand']) {
    const pool = read(`pool.d/${name}.conf`)
      .replaceAll('/run/php', folder.path)
      .replaceAll('/var/log/php-fpm', folder.path)
      .replace(/^(user|group) = .*$/gm, '$1 = www-data');
    folder.write(`pool.d/${name}.conf`, pool);
  }
  const global = read('php-fpm.conf')
    .replaceAll('/run/php', folder.path)
    .replaceAll('/var/log', folder.path)
    .replaceAll('/etc/php/8.2/fpm', folder.path);
  return folder.write('php-fpm.conf', global);
}

test('PHP-FPM takes the global file with both pools', { skip: requires('php-fpm', 'root') }, async () => {
  using folder = new TestFolder();
  const { code, stderr } = await run(phpFpm, ['-tt', '-y', adapted(folder)]);
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stderr, /WARNING|ERROR/);
  for (const pool of ['[myapp]', '[quiet]']) assert.ok(stderr.includes(pool), pool);
});
