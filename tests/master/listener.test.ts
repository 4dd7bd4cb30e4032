import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bind, openSocket, tcpListenQueue } from '../../src/posix/sockets.ts';
import { lookupUser, resolveGroup } from '../../src/posix/users.ts';
import { Listener } from '../../src/sockets/listener.ts';
import type { ListenerError } from '../../src/sockets/listener-error.ts';
import { poll } from '../harness/waiting.ts';
import { needsRoot } from '../posix/child.ts';
import {
  applyTo,
  folderFor,
  freePort,
  knock,
  LogRecorder,
  openFor,
  settingsFor,
} from './listener-support.ts';

/** Rejects with a ListenerError whose whole log line is this. */
const withLine = (line: string | RegExp) => (error: unknown) => {
  const actual = (error as ListenerError).line;
  if (typeof line === 'string') assert.equal(actual, line);
  else assert.match(actual, line);
  return true;
};

test('a Unix socket is made, listens, has its mode from the start, and goes with its listener', async (t) => {
  const path = join(folderFor(t), 'www.sock');
  const listener = await openFor(t, settingsFor(path));
  assert.equal(listener.key, path);
  assert.equal(listener.kind, 'unix');
  assert.equal(statSync(path).mode & 0o7777, 0o660);
  assert.equal(await knock({ path }), 'connected');
  listener.remove(new LogRecorder());
  listener.remove(new LogRecorder());
  assert.equal(existsSync(path), false);
});

test('a listener that is closed without unlink leaves its file', async (t) => {
  const path = join(folderFor(t), 'www.sock');
  const listener = await Listener.open(settingsFor(path), new LogRecorder());
  listener.close();
  assert.ok(lstatSync(path).isSocket());
  assert.equal(await knock({ path }), 'ECONNREFUSED');
});

test('a stale socket is replaced', async (t) => {
  const path = join(folderFor(t), 'stale.sock');
  const stale = openSocket('unix');
  bind(stale, { family: 'unix', path });
  closeSync(stale);
  await openFor(t, settingsFor(path));
  assert.equal(await knock({ path }), 'connected');
});

test('a socket that somebody listens on is left alone', async (t) => {
  const path = join(folderFor(t), 'taken.sock');
  await openFor(t, settingsFor(path));
  await assert.rejects(
    openFor(t, settingsFor(path)),
    withLine(`Another FPM instance seems to already listen on ${path}`),
  );
  assert.equal(await knock({ path }), 'connected');
});

test('what is no socket is never deleted', async (t) => {
  const folder = folderFor(t);
  const file = join(folder, 'precious');
  writeFileSync(file, 'data');
  const link = join(folder, 'link');
  symlinkSync(file, link);
  const inner = join(folder, 'folder');
  mkdirSync(inner);
  for (const [path, kind] of [
    [file, 'a regular file'],
    [link, 'a symbolic link'],
    [inner, 'a folder'],
  ] as const) {
    await assert.rejects(
      openFor(t, settingsFor(path)),
      withLine(
        `unable to bind listening socket for address '${path}': ${kind} is there and is left alone, move it away or choose another path`,
      ),
    );
  }
  assert.equal(readFileSync(file, 'utf8'), 'data');
  assert.ok(lstatSync(link).isSymbolicLink());
});

test('a path that is too long is refused before anything is made', async (t) => {
  const path = join(folderFor(t), 'x'.repeat(100));
  const length = Buffer.byteLength(path);
  await assert.rejects(
    openFor(t, settingsFor(path)),
    withLine(
      `[pool www] cannot bind to UNIX socket '${path}' as path is too long (found length: ${length}, maximal length: 107)`,
    ),
  );
});

test('a missing folder is an error with its number', async (t) => {
  const path = join(folderFor(t), 'missing/www.sock');
  await assert.rejects(
    openFor(t, settingsFor(path)),
    withLine(`unable to bind listening socket for address '${path}': No such file or directory (2)`),
  );
});

test('owner and group follow the rules of PHP-FPM', { skip: needsRoot }, async (t) => {
  const user = lookupUser('www-data');
  const daemon = resolveGroup('daemon');
  assert.ok(user !== undefined);
  const rows = [
    { more: {}, uid: 0, gid: 0 },
    { more: { owner: 'www-data' }, uid: user.uid, gid: user.gid },
    { more: { owner: String(user.uid) }, uid: user.uid, gid: 0 },
    { more: { group: 'daemon' }, uid: 0, gid: daemon },
    { more: { owner: 'www-data', group: 'daemon' }, uid: user.uid, gid: daemon },
    { more: { group: '54321' }, uid: 0, gid: 54_321 },
  ];
  for (const { more, uid, gid } of rows) {
    const path = join(folderFor(t), 'owned.sock');
    await openFor(t, settingsFor(path, { ...more, mode: 0o600 }));
    const found = statSync(path);
    assert.deepEqual([found.uid, found.gid, found.mode & 0o777], [uid, gid, 0o600], JSON.stringify(more));
  }
});

test('an unknown owner or group leaves no socket behind', async (t) => {
  const path = join(folderFor(t), 'nobody.sock');
  await assert.rejects(
    openFor(t, settingsFor(path, { owner: 'no-such-user' })),
    withLine("[pool www] cannot get uid for user 'no-such-user'"),
  );
  await assert.rejects(
    openFor(t, settingsFor(path, { group: 'no-such-group' })),
    withLine("[pool www] cannot get gid for group 'no-such-group'"),
  );
  assert.equal(existsSync(path), false);
});

test('a list counts instead of owner and group, and the log says so', { skip: needsRoot }, async (t) => {
  const path = join(folderFor(t), 'list.sock');
  const log = new LogRecorder();
  const more = { owner: 'www-data', group: 'daemon', aclUsers: ['www-data', 'nobody'], aclGroups: ['adm'] };
  await openFor(t, settingsFor(path, more), log);
  const acl = spawnSync('getfacl', ['-cp', path], { encoding: 'utf8' }).stdout;
  assert.deepEqual(acl.trim().split('\n'), [
    'user::rw-',
    'user:www-data:rw-',
    'user:nobody:rw-',
    'group::rw-',
    'group:adm:rw-',
    'mask::rw-',
    'other::---',
  ]);
  assert.equal(statSync(path).uid, 0);
  assert.deepEqual(log.lines, [
    "warning: [pool www] ACL set, listen.owner = 'www-data' is ignored",
    "warning: [pool www] ACL set, listen.group = 'daemon' is ignored",
    `debug: [pool www] user 'www-data' have uid=${lookupUser('www-data')?.uid}`,
    `debug: [pool www] user 'nobody' have uid=${lookupUser('nobody')?.uid}`,
    `debug: [pool www] group 'adm' have gid=${resolveGroup('adm')}`,
    `debug: [pool www] ACL of the socket '${path}' is set`,
  ]);
});

test('changed mode, owner, list and backlog take effect on the open socket', {
  skip: needsRoot,
}, async (t) => {
  const path = join(folderFor(t), 'changing.sock');
  const log = new LogRecorder();
  const listener = await openFor(t, settingsFor(path), log);
  const inode = statSync(path).ino;
  applyTo(listener, settingsFor(path, { aclUsers: ['www-data'] }), log);
  assert.match(spawnSync('getfacl', ['-cp', path], { encoding: 'utf8' }).stdout, /user:www-data:rw-/);
  applyTo(listener, settingsFor(path, { mode: 0o600, owner: 'nobody', group: 'daemon' }), log);
  const found = statSync(path);
  assert.deepEqual(
    [found.ino, found.uid, found.gid, found.mode & 0o777],
    [inode, lookupUser('nobody')?.uid, resolveGroup('daemon'), 0o600],
  );
  assert.doesNotMatch(spawnSync('getfacl', ['-cp', path], { encoding: 'utf8' }).stdout, /www-data/);
  const port = await freePort();
  const tcp = await openFor(t, settingsFor(`127.0.0.1:${port}`, { backlog: 3 }), log);
  assert.deepEqual(tcpListenQueue(tcp.fd), { current: 0, limit: 3 });
  applyTo(tcp, settingsFor(`127.0.0.1:${port}`, { backlog: 5 }), log);
  assert.deepEqual(tcpListenQueue(tcp.fd), { current: 0, limit: 5 });
});

test('a socket file that was removed or replaced is noticed, and the one of others stays', async (t) => {
  const path = join(folderFor(t), 'gone.sock');
  const first = await openFor(t, settingsFor(path));
  assert.equal(first.isReachable(), true);
  unlinkSync(path);
  assert.equal(first.isReachable(), false);
  await openFor(t, settingsFor(path));
  assert.equal(first.isReachable(), false);
  first.remove(new LogRecorder());
  assert.equal(await knock({ path }), 'connected');
});

test('settings that have not changed touch nothing, whatever was done by hand', async (t) => {
  const path = join(folderFor(t), 'untouched.sock');
  const log = new LogRecorder();
  const settings = settingsFor(path, { mode: 0o600 });
  const listener = await openFor(t, settings, log);
  chmodSync(path, 0o644);
  const before = statSync(path).ctimeMs;
  applyTo(listener, settings, log);
  const found = statSync(path);
  assert.deepEqual([found.mode & 0o777, found.ctimeMs], [0o644, before]);
  // Other settings that come to what is there already touch nothing either.
  applyTo(listener, { ...settings, mode: 0o644 }, log);
  assert.equal(statSync(path).ctimeMs, before);
  applyTo(listener, { ...settings, mode: 0o640 }, log);
  assert.equal(statSync(path).mode & 0o777, 0o640);
});

/** Files that the owner of the folder may put in place of a socket; each must stay unchanged. */
const impostors: readonly [string, (path: string, target: string) => void][] = [
  ['a link to a file', (path, target) => symlinkSync(target, path)],
  ['a file', (path) => writeFileSync(path, '', { mode: 0o604 })],
  ['a folder', (path) => mkdirSync(path, { mode: 0o705 })],
  [
    'a socket of others',
    (path) => {
      const fd = openSocket('unix');
      bind(fd, { family: 'unix', path });
      closeSync(fd);
    },
  ],
];

for (const [what, put] of impostors) {
  test(`${what} in the place of a socket is neither changed nor removed`, { skip: needsRoot }, async (t) => {
    const folder = folderFor(t);
    const path = join(folder, 'www.sock');
    const target = join(folder, 'target');
    writeFileSync(target, '', { mode: 0o604 });
    const listener = await openFor(t, settingsFor(path));
    renameSync(path, join(folder, 'moved.sock'));
    put(path, target);
    const look = () =>
      [path, target].map((name) => {
        const { ino, uid, mode, ctimeMs } = lstatSync(name);
        return { ino, uid, mode, ctimeMs };
      });
    const before = look();
    for (const more of [{ owner: 'nobody' }, { mode: 0o666 }, { aclUsers: ['nobody'] }]) {
      assert.throws(
        () => applyTo(listener, settingsFor(path, more), new LogRecorder()),
        withLine(
          /^the socket '.*\/www\.sock' was removed or replaced by somebody who may write to the folder/,
        ),
      );
    }
    listener.remove(new LogRecorder());
    assert.deepEqual(look(), before);
    assert.equal(await knock({ path: join(folder, 'moved.sock') }), 'ECONNREFUSED', 'it is closed');
  });
}

test('whoever swaps the name of a socket all the time does not win', { skip: needsRoot }, async (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'www.sock');
  const target = join(folder, 'target');
  writeFileSync(target, '', { mode: 0o600 });
  const listener = await openFor(t, settingsFor(path));
  const swapper = spawn('perl', [
    '-e',
    'my ($a, $b) = @ARGV; symlink $b, "$a.link"; print "x\n"; $| = 1;' +
      'while (1) { rename $a, "$a.own"; rename "$a.link", $a; rename $a, "$a.link"; rename "$a.own", $a; }',
    path,
    target,
  ]);
  t.after(() => swapper.kill('SIGKILL'));
  await poll('the first swap', () => existsSync(`${path}.own`) || undefined);
  const outcomes = new Set<string>();
  // Long enough for each of them to have had a turn: it is not told when.
  for (let round = 0; round < 2000 || (outcomes.size < 2 && round < 200_000); round++) {
    try {
      applyTo(listener, settingsFor(path, { owner: String(60_000 + (round % 2)), mode: 0o666 }));
      outcomes.add('done');
    } catch (error) {
      outcomes.add((error as Error).name);
    }
  }
  assert.deepEqual([...outcomes].sort(), ['ListenerError', 'done']);
  const { uid, mode } = statSync(target);
  assert.deepEqual([uid, mode & 0o777], [0, 0o600]);
});

test('a descriptor that is closed or names something else is noticed, and another’s is not closed', async (t) => {
  for (const settings of [
    settingsFor(join(folderFor(t), 'lost.sock')),
    settingsFor(`127.0.0.1:${await freePort()}`),
  ]) {
    const listener = await openFor(t, settings);
    assert.equal(listener.isIntact(), true);
    closeSync(listener.fd);
    assert.equal(listener.isIntact(), false);
    assert.equal(listener.queue(), undefined);
    const other = openSync('/dev/null', 'r');
    assert.equal(other, listener.fd, 'the number is used again');
    assert.equal(listener.queue(), undefined);
    assert.throws(
      () => listener.intactFd(),
      withLine(/^the descriptor \d+ of the listening socket '.*' has been closed: a restart/),
    );
    listener.remove(new LogRecorder());
    assert.ok(fstatSync(other).isCharacterDevice());
    closeSync(other);
  }
});

for (const [listen, host] of [
  ['127.0.0.1', '127.0.0.1'],
  ['[::1]', '::1'],
  ['localhost', 'localhost'],
] as const) {
  test(`a TCP socket listens on ${listen}`, async (t) => {
    const port = await freePort();
    const listener = await openFor(t, settingsFor(`${listen}:${port}`));
    assert.equal(listener.kind, 'tcp');
    assert.equal(await knock({ host, port }), 'connected');
  });
}

test('a port alone is any address, IPv4 and IPv6', async (t) => {
  const port = await freePort();
  const listener = await openFor(t, settingsFor(String(port)));
  assert.equal(listener.key, `:::${port}`);
  assert.equal(await knock({ host: '127.0.0.1', port }), 'connected');
  assert.equal(await knock({ host: '::1', port }), 'connected');
});

test('a port alone falls back to IPv4 and says so', async (t) => {
  const port = await freePort();
  await openFor(t, settingsFor(`[::1]:${port}`));
  const log = new LogRecorder();
  const listener = await openFor(t, settingsFor(String(port)), log);
  assert.equal(listener.key, `0.0.0.0:${port}`);
  assert.deepEqual(log.lines, ['notice: Failed implicitly binding to ::, retrying with 0.0.0.0']);
});

test('a port in use is an error with address and number', async (t) => {
  const port = await freePort();
  await openFor(t, settingsFor(`127.0.0.1:${port}`));
  // Named as the configuration names it, whatever addresses it stands for.
  for (const listen of [`127.0.0.1:${port}`, String(port), `[::ffff:127.0.0.1]:${port}`]) {
    await assert.rejects(
      openFor(t, settingsFor(listen)),
      withLine(`unable to bind listening socket for address '${listen}': Address already in use (98)`),
    );
  }
});

test('an address that is not of this machine is an error', async (t) => {
  const line =
    /^unable to bind listening socket for address '192\.0\.2\.1:9000': Cannot assign requested address/;
  await assert.rejects(openFor(t, settingsFor('192.0.2.1:9000')), withLine(line));
});

test('the descriptor is blocking and does not reach started programs', async (t) => {
  const listener = await openFor(t, settingsFor(join(folderFor(t), 'flags.sock')));
  const info = readFileSync(`/proc/self/fdinfo/${listener.fd}`, 'utf8');
  const flags = Number.parseInt(/flags:\s+(\d+)/.exec(info)?.[1] ?? '', 8);
  assert.equal(flags & 0o4000, 0, 'O_NONBLOCK');
  assert.equal(flags & 0o2000000, 0o2000000, 'O_CLOEXEC');
});
