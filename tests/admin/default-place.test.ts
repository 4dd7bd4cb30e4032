/** The admin endpoint without `admin.listen`: where it is, who finds it, and what it must not disturb. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { adminSocketName, defaultAdminSocket, runtimeFolder } from '../../src/config/admin-place.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { cleanEnv, isRoot, run, serverCommand, startServer } from '../harness/server.ts';
import { askAdmin } from './client.ts';

suite('the place', () => {
  test('has the name of the configuration, and is another one for another file or prefix', () => {
    const name = adminSocketName({ file: '/etc/php/8.2/fpm/php-fpm.conf' });
    assert.match(name, /^php-fpm\.conf-[0-9a-f]{12}\.sock$/);
    assert.equal(adminSocketName({ file: '/etc/php/8.2/fpm/../fpm/php-fpm.conf' }), name);
    assert.equal(adminSocketName({ file: '/etc/php/8.2/fpm/php-fpm.conf', prefix: undefined }), name);
    const others = [
      { file: '/etc/php/8.4/fpm/php-fpm.conf' },
      { file: '/etc/php/8.2/fpm/php-fpm.conf', prefix: '/srv/a' },
      { file: '/etc/php/8.2/fpm/php-fpm.conf', prefix: '/srv/b' },
    ].map(adminSocketName);
    assert.equal(new Set([name, ...others]).size, 4);
    assert.ok(adminSocketName({ file: `/${'x'.repeat(255)}` }).length < 60, 'a socket path holds 107 bytes');
  });

  test('is a folder of the machine for root, and of the user for others', () => {
    using own = new TestFolder();
    const uid = statSync(own.path).uid;
    assert.equal(runtimeFolder({ XDG_RUNTIME_DIR: own.path }, 0), '/run/hathi');
    if (uid !== 0) assert.equal(runtimeFolder({ XDG_RUNTIME_DIR: own.path }, uid), own.join('hathi'));
    assert.equal(runtimeFolder({ XDG_RUNTIME_DIR: own.path }, uid + 1), undefined, 'of another user');
    assert.equal(runtimeFolder({ XDG_RUNTIME_DIR: own.join('none') }, 1000), undefined);
    assert.equal(runtimeFolder({ XDG_RUNTIME_DIR: 'relative' }, 1000), undefined);
    assert.equal(runtimeFolder({}, 1000), undefined);
    assert.equal(runtimeFolder({ HATHI_RUNTIME_DIR: '/x/y' }, 1000), '/x/y');
    assert.equal(defaultAdminSocket({ file: '/f' }, {}, 1000), undefined);
  });
});

test('a master is found by its configuration, over reloads; off means off, and nothing is left', async () => {
  using runtime = new TestFolder();
  // Root's masters are to be found where no variable says anything.
  const env = isRoot ? { HATHI_RUNTIME_DIR: undefined } : { HATHI_RUNTIME_DIR: runtime.join('hathi') };
  await using server = await startServer({ pools: (folder) => poolText(folder), env });
  const folder = isRoot ? '/run/hathi' : runtime.join('hathi');
  const place = join(folder, adminSocketName({ file: server.configFile }));
  const before = statSync(place);
  assert.deepEqual([before.mode & 0o777, before.uid], [0o600, process.getuid?.()]);
  const status = async (through: readonly string[] = []) => {
    const [command = '', ...args] = [...through, serverCommand('hathi'), 'status', '--json'];
    return run(command, [...args, '-y', server.configFile], { env: cleanEnv(env) });
  };
  const found = await status();
  assert.equal(JSON.parse(found.stdout).pid, server.pid, found.stderr);
  if (isRoot) {
    const other = await status(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /\/run\/hathi\/server\.conf-\w+\.sock": only root may, and you are nobody\./);
  }

  const mark = server.log.mark();
  await server.reload();
  assert.equal(statSync(place).ino, before.ino);
  const inherited = server.log.lines.slice(mark).filter((line) => line.includes('using inherited socket'));
  assert.deepEqual(inherited.length, 1, 'monitoring knows the sockets of pools by that line');

  server.configure((to) => `admin.listen = off\n${poolText(to)}`);
  await server.reload();
  assert.equal(existsSync(place), false);
  server.configure((to) => poolText(to));
  await server.reload();
  assert.equal((await askAdmin({ socketPath: place, path: '/readyz' })).status, 200);
  await server.stop();
  assert.equal(existsSync(place), false);
  // Kept for the next master, which there will not be.
  rmSync(place.replace(/\.sock$/, '.configurations'), { recursive: true });
});

test('a master is found by a configuration whose name is not ASCII', async () => {
  using folder = new TestFolder();
  folder.mkdir('run');
  const file = folder.write('été.conf', `[global]\nerror_log = ${folder.join('log')}\n${poolText(folder)}`);
  const env = cleanEnv({ HATHI_RUNTIME_DIR: folder.join('runtime') });
  const asked = await run(serverCommand('hathi'), ['status', '-y', file], { env });
  assert.match(asked.stderr, /^hathi status: Cannot find the master of ".*été\.conf": there is no socket /);
});

test('a place that cannot be had is a warning, and requests are served', async () => {
  using blocked = new TestFolder();
  const file = blocked.write('file', '');
  await using server = await startServer({
    pools: (folder) => poolText(folder),
    env: { HATHI_RUNTIME_DIR: join(file, 'hathi') },
    expected: [/WARNING: admin endpoint: /, /WARNING: the configuration is not kept for a rollback: ENOTDIR/],
  });
  const [line = ''] = server.log.lines.filter((text) => text.includes('WARNING: admin'));
  assert.match(line, /admin endpoint: .*ENOTDIR.*; set admin\.listen to another place, or to off$/);
  const script = server.folder.write('www/hello.php', '<?php echo "hello";');
  const answer = await request(server.socket(), scriptParams(script));
  assert.match(String(answer.body), /hello$/);
  await server.stop();
});
