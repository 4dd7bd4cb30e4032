/** Files that may be anybody's are read to limits; nothing blocks, no link is followed, nothing is made. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { describe, test } from 'node:test';
import { mayChange, mayConnect, mayMakeFiles } from '../../src/doctor/file-access.ts';
import { parseLogrotate, rotationsOf } from '../../src/doctor/logrotate-config.ts';
import { readCarefully } from '../../src/doctor/read/careful-file.ts';
import { readInstalledPhp } from '../../src/doctor/read/distribution.ts';
import { readDocroot } from '../../src/doctor/read/docroots.ts';
import { readPhpIni } from '../../src/doctor/read/php-ini.ts';
import { readListeners, readProcesses } from '../../src/doctor/read/processes.ts';
import { askApt, readUpdates } from '../../src/doctor/read/updates.ts';
import { stopSeconds, systemdSeconds } from '../../src/doctor/service-unit.ts';
import { TestFolder } from '../harness/folder.ts';

describe('document roots of hostile users', { timeout: 20_000 }, () => {
  test('FIFOs do not block, links are not followed, long scripts are not read', () => {
    using folder = new TestFolder();
    folder.write('outside/secret.php', '<?php phpinfo();');
    folder.write('root/index.php', '<?php function phpinfo() {} $a->phpinfo(); A::phpinfo(); myphpinfo();');
    folder.write('root/long.php', `<?php phpinfo(); ${'/* */'.repeat(1000)}`);
    folder.write('root/notes.txt', 'phpinfo();');
    execFileSync('mkfifo', [folder.join('root/fifo.php')]);
    symlinkSync(folder.join('outside'), folder.join('root/out'));
    symlinkSync(folder.join('outside/secret.php'), folder.join('root/link.php'));
    symlinkSync('.', folder.join('root/loop'));
    symlinkSync('/dev/zero', folder.join('root/zero.php'));
    const docroot = readDocroot(folder.join('root'));
    assert.deepEqual(docroot?.phpinfo, []);
    assert.equal(docroot?.scripts, 2);
    assert.equal(docroot?.isWhole, true);
  });

  test('a walk ends at its limits, and says so', () => {
    using folder = new TestFolder();
    for (const name of ['a', 'b', 'c']) folder.write(`root/${name}.php`, '<?php');
    folder.write('root/1/2/3/deep.php', '<?php phpinfo();');
    const shallow = readDocroot(folder.join('root'), () => {}, { entries: 100, depth: 2 });
    assert.deepEqual([shallow?.scripts, shallow?.isWhole, shallow?.phpinfo], [3, false, []]);
    const few = readDocroot(folder.join('root'), () => {}, { entries: 2, depth: 9 });
    assert.equal(few?.isWhole, false);
    assert.ok((few?.scripts ?? 9) <= 2);
    const whole = readDocroot(folder.join('root'));
    assert.deepEqual([whole?.scripts, whole?.isWhole, whole?.phpinfo.length], [4, true, 1]);
  });

  test('no descriptor is left, and a folder that is not there is none', () => {
    using folder = new TestFolder();
    folder.write('root/a/b/x.php', '<?php');
    const open = (): number => readdirSync('/proc/self/fd').length;
    const before = open();
    for (let times = 0; times < 20; times++) readDocroot(folder.join('root'));
    assert.equal(open(), before);
    assert.equal(readDocroot(folder.join('none')), undefined);
    assert.equal(readDocroot(folder.write('file', '')), undefined);
  });

  test('a deployment by a link is one, also above the folder', () => {
    using folder = new TestFolder();
    folder.write('releases/7/public/index.php', '<?php');
    symlinkSync('releases/7', folder.join('current'));
    assert.equal(readDocroot(folder.join('current/public'))?.isLink, true);
    assert.equal(readDocroot(folder.join('releases/7/public'))?.isLink, false);
    assert.equal(readDocroot(folder.join('releases/../releases/7/public/'))?.isLink, false);
  });
});

test('a careful reader takes regular files up to its limit, and makes none', () => {
  using folder = new TestFolder();
  const file = folder.write('file', 'four');
  symlinkSync(file, folder.join('link'));
  execFileSync('mkfifo', [folder.join('fifo')]);
  const read = (name: string, options: object = {}): string | undefined =>
    readCarefully(folder.join(name), { limit: 4, ...options })?.toString();
  assert.equal(read('file'), 'four');
  assert.equal(read('file', { limit: 3 }), undefined);
  assert.equal(read('link'), undefined);
  assert.equal(read('link', { followsLinks: true }), 'four');
  assert.equal(read('fifo'), undefined);
  assert.equal(read('.'), undefined);
  assert.equal(read('none'), undefined);
  assert.equal(existsSync(folder.join('none')), false);
});

test('blocks of logrotate: quotes, several lines of patterns, scripts, what holds for all', () => {
  const blocks = parseLogrotate(
    `# comment {
weekly
/var/log/a.log
"/var/log/with space/*.log" /var/log/b?.log {
  rotate 4
  postrotate
    } kill -USR1 1
  endscript
}
copytruncate
/srv/[!x]*.log { 
}
/srv/x.log {
  nocopytruncate
`,
    '/etc/logrotate.d/x',
  );
  assert.equal(blocks.length, 2, 'a block that is not closed is none');
  assert.deepEqual(blocks[0]?.patterns, ['/var/log/a.log', '/var/log/with space/*.log', '/var/log/b?.log']);
  assert.deepEqual(blocks[0]?.place, { file: '/etc/logrotate.d/x', line: 4 });
  assert.deepEqual(blocks[0]?.scripts, ['} kill -USR1 1']);
  assert.deepEqual([blocks[0]?.copies, blocks[1]?.copies], [false, true]);
  const matching = (path: string): number => rotationsOf(blocks, path).length;
  assert.deepEqual(
    ['/var/log/with space/q.log', '/var/log/b1.log', '/var/log/b12.log', '/var/log/with space/sub/q.log'].map(
      matching,
    ),
    [1, 1, 0, 0],
  );
  assert.deepEqual(['/srv/y.log', '/srv/x.log', '/srv/y+log', '/var/log/axlog'].map(matching), [1, 0, 0, 0]);
});

test('the time that a service has to stop', () => {
  const seconds = (...lines: readonly string[]) => stopSeconds(lines.map((line) => `[Service]\n${line}\n`));
  assert.equal(seconds('Type=notify'), 90, 'systemd’s own');
  assert.equal(seconds('TimeoutStopSec=1min 30s'), 90);
  assert.equal(seconds('TimeoutSec = 5'), 5);
  assert.equal(seconds('TimeoutStopSec=5', 'TimeoutStopSec=2h'), 7200);
  assert.equal(seconds('TimeoutStopSec=infinity'), undefined);
  assert.equal(seconds('TimeoutStartSec=3'), 90);
  assert.deepEqual(['500ms', '3 parsecs', '1h5m', ''].map(systemdSeconds), [0.5, undefined, 3900, undefined]);
});

test('php.ini: later files count, sections for paths do not, nothing after a mistake', () => {
  using folder = new TestFolder();
  const first = folder.write(
    'a.ini',
    'memory_limit = 1G\nextension=/x/curl.so\n[PATH=/srv]\nmemory_limit = 2G\n',
  );
  const second = folder.write('b.ini', 'display_errors = Off\nx = "unclosed (\n y = ( \nmemory_limit = 3G\n');
  const { values, extensions, errors } = readPhpIni([first, second, folder.join('none.ini')], {});
  assert.equal(new Map(values).get('memory_limit'), '1G');
  assert.equal(new Map(values).get('display_errors'), '');
  assert.deepEqual(extensions, ['/x/curl.so']);
  assert.deepEqual(
    errors.map(({ file }) => file),
    [second],
  );
});

test('an installed PHP is found by its package, of the distribution or of another archive', () => {
  using folder = new TestFolder();
  const status = (version: string, state = 'install ok installed'): string =>
    `Package: other\nStatus: install ok installed\nVersion: 1\n\nPackage: php8.2-fpm\nStatus: ${state}\nVersion: ${version}\n`;
  folder.write('etc/os-release', 'VERSION_CODENAME=bookworm\n');
  folder.write('var/lib/dpkg/status', status('8.2.36-1~deb12u1'));
  const { version, until } = readInstalledPhp(folder.path, '8.2');
  assert.deepEqual([version, until], ['8.2.36', '2028-06-30']);
  folder.write('var/lib/dpkg/status', status('8.2.36-1+0~20261119.1+debian12~1.gbp1'));
  assert.deepEqual(
    [readInstalledPhp(folder.path, '8.2').version, readInstalledPhp(folder.path, '8.2').until],
    ['8.2.36', undefined],
  );
  folder.write('var/lib/dpkg/status', status('8.2.36-1~deb12u1', 'deinstall ok config-files'));
  assert.equal(readInstalledPhp(folder.path, '8.2').version, undefined);
  assert.equal(readInstalledPhp(folder.path, '8.4').version, undefined);
});

test('a socket is that of a pool by its whole address, and masters are told from what they made', () => {
  using folder = new TestFolder();
  const row = (address: string, inode: number, state = '0A') =>
    `   0: ${address} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000 0 0 ${inode} 1\n`;
  folder.write(
    'net/tcp',
    `  sl  local_address\n${row('0100007F:2328', 11)}${row('0200000A:2328', 12)}${row('00000000:2329', 13)}${row('0100007F:2328', 14, '01')}`,
  );
  folder.write(
    'net/tcp6',
    row('00000000000000000000000000000000:2329', 15) + row('00000000000000000000000001000000:232A', 16),
  );
  const process = (pid: number, parent: number, ...inodes: readonly number[]): void => {
    folder.write(`${pid}/status`, `Name:\tp${pid}\nPPid:\t${parent}\n`);
    folder.mkdir(`${pid}/fd`);
    for (const inode of inodes) symlinkSync(`socket:[${inode}]`, folder.join(`${pid}/fd/${inode}`));
  };
  process(100, 1, 11, 13);
  process(101, 100, 11, 13);
  process(200, 1, 12, 14);
  process(300, 1, 15);
  process(400, 1, 16);
  const listeners = readListeners(folder.path, readProcesses(folder.path), [
    '127.0.0.1:9000',
    '9001',
    'localhost:9002',
    '[::1]:9003',
  ]);
  assert.deepEqual(
    Object.fromEntries(listeners.map(({ listen, masters }) => [listen, masters.map(({ name }) => name)])),
    { '127.0.0.1:9000': ['p100'], '9001': ['p100', 'p300'], 'localhost:9002': ['p400'] },
  );
});

test('apt is asked offline for newer packages, and keeps nothing of it', {
  skip: existsSync('/usr/bin/apt-cache') ? false : 'needs apt',
}, () => {
  using folder = new TestFolder();
  const arch = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
  const stanza = (version: string, lines: string): string =>
    `Package: php8.2-fpm\nVersion: ${version}\nArchitecture: ${arch}\nMaintainer: a\n${lines}\n\n`;
  folder.write('etc/apt/sources.list', 'deb [trusted=yes] http://x.test/debian bookworm-security main\n');
  for (const name of ['etc/apt/apt.conf.d', 'etc/apt/preferences.d', 'var/lib/apt/lists/partial'])
    folder.mkdir(name);
  folder.write('var/lib/dpkg/status', stanza('8.2.9-1', 'Status: install ok installed'));
  const ask = () => readUpdates(folder.path, ['php8.2-fpm'], askApt);
  assert.deepEqual(ask(), {
    updates: [],
    unknown: 'newer packages of PHP: apt has no lists of packages: apt-get update',
  });
  const list = `var/lib/apt/lists/x.test_debian_dists_bookworm-security_main_binary-${arch}_Packages`;
  const offer = (version: string) => {
    folder.write(list, stanza(version, 'Filename: x.deb\nSize: 1\nMD5sum: d41d8cd98f00b204e9800998ecf8427e'));
    return ask().updates;
  };
  const update = { name: 'php8.2-fpm', installed: '8.2.9-1', candidate: '8.2.10-1', isSecurity: true };
  assert.deepEqual(offer('8.2.10-1'), [update]);
  assert.deepEqual(offer('8.2.10~rc1-1~deb12u1')[0]?.candidate, '8.2.10~rc1-1~deb12u1');
  assert.deepEqual(offer('8.2.8-1'), []);
  assert.deepEqual(offer('8.2.9-1'), []);
  assert.deepEqual(readdirSync(folder.join('var')), ['lib'], 'no cache');
  assert.deepEqual(
    readUpdates('/', [], () => assert.fail('nobody is asked')),
    { updates: [] },
  );
  assert.match(readUpdates('/', ['x'], () => undefined).unknown ?? '', /apt cannot be asked/);
});

test('permissions are those of the first class that a user is in', () => {
  const user = { uid: 10, gid: 20, groups: [20, 30] };
  const access = (uid: number, gid: number, mode: number) => ({ path: '/x', uid, gid, mode });
  assert.equal(mayChange(user, access(10, 0, 0o500)), true, 'the owner may allow himself to');
  assert.equal(mayChange(user, access(1, 30, 0o570)), true);
  assert.equal(mayChange(user, access(1, 30, 0o507)), false, 'his group, so not the others');
  assert.equal(mayChange({ uid: 0, gid: 0, groups: [] }, access(1, 1, 0o777)), false);
  assert.equal(mayConnect(user, access(1, 20, 0o660)), true);
  assert.equal(mayConnect(user, access(1, 2, 0o660)), false);
  assert.equal(mayMakeFiles(user, access(1, 2, 0o1733)), true);
  assert.equal(mayMakeFiles(user, access(1, 2, 0o702)), false);
  const listed = (mode: number, users: number[], groups: number[], groupObject = 0, mask = 7) => {
    const entries = (ids: number[]) => ids.map((id) => ({ id, permissions: 6 }));
    const list = { users: entries(users), groups: entries(groups), groupObject, mask };
    return mayChange(user, { ...access(1, 20, mode), list });
  };
  assert.equal(listed(0o660, [10], []), true);
  assert.equal(listed(0o660, [10], [], 0, 4), false, 'the mask bounds it');
  assert.equal(listed(0o660, [11], [30]), true, 'by one of his groups');
  assert.equal(listed(0o660, [11], []), false, 'his group has nothing, whatever the mask shows');
  assert.equal(listed(0o662, [], []), false, 'his group, so not the others');
});
