/** Sockets in a folder that others may write to: what they do there is no fault of the master, nor does it lead it. */
import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { exited } from '../harness/processes.ts';
import { isRoot, Server, startServer } from '../harness/server.ts';
import { poll, within } from '../harness/waiting.ts';

async function ask(server: Server, path: string): Promise<string> {
  const script = server.folder.write('www/who.php', '<?php echo getenv("WHO");');
  return (await request(path, scriptParams(script))).body.toString();
}

/** Two more heartbeats, in which the master looks at every socket. */
async function heartbeats(server: Server): Promise<void> {
  for (let count = 0; count < 2; count++) {
    const from = server.log.mark();
    await server.log.waitFor(/\[pool other\] currently \d+ active children/, from);
  }
}

async function refusedReload(server: Server): Promise<void> {
  const from = server.log.mark();
  server.signal('SIGUSR2');
  await server.log.waitFor(/reload refused/, from);
}

/** A pool whose report shows each heartbeat in the log. */
const dynamic =
  'pm = dynamic\npm.max_children = 1\npm.start_servers = 1\npm.min_spare_servers = 1\npm.max_spare_servers = 1';

test('a socket that was removed, renamed or replaced survives a reload that is refused', async () => {
  const pools =
    (last: string) =>
    (to: TestFolder): string =>
      poolText(to, 'www', 'env[WHO] = www') + poolText(to, 'other', `${dynamic}\nenv[WHO] = other`) + last;
  const unbindable = '[x]\nuser = www-data\npm = static\npm.max_children = 1\nlisten = /nonexistent/x.sock\n';
  await using server = await startServer({
    pools: pools(''),
    global: 'log_level = debug',
    expected: [/unable to bind listening socket for address/, /reload refused/],
  });
  const path = server.socket();
  const moved = `${path}.moved`;
  const rows: readonly [string, () => void][] = [
    ['removed', () => unlinkSync(path)],
    ['renamed', () => renameSync(path, moved)],
    [
      'replaced',
      () => {
        renameSync(path, moved);
        writeFileSync(path, '');
      },
    ],
  ];
  for (const [what, act] of rows) {
    const { ino } = statSync(path);
    act();
    server.configure(pools(unbindable));
    await refusedReload(server);
    await heartbeats(server);
    assert.equal(await ask(server, server.socket('other')), 'other', what);
    // Clients that know its place can connect.
    if (existsSync(moved)) assert.equal(await ask(server, moved), 'www', what);
    if (what === 'replaced') unlinkSync(path);
    server.configure(pools(''));
    await server.reload();
    await poll('the new socket', async () => ((await ask(server, path)) === 'www' ? true : undefined));
    assert.notEqual(statSync(path).ino, ino, what);
    if (existsSync(moved)) unlinkSync(moved);
  }
  await server.stop();
});

/** A master that is no root, so that a folder can be closed to it. */
const asNobody = isRoot ? { through: ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] } : {};

/** The master may not change it any more, as after a file system became read-only. */
function closeFolder(folder: string): void {
  if (isRoot) chownSync(folder, 0, 0);
  chmodSync(folder, 0o555);
}

test('a socket that cannot be removed is said and survived, at a reload and at a stop', async () => {
  const lines = (name: string) => (to: TestFolder) =>
    `[www]\npm = static\npm.max_children = 1\nlisten = ${to.join(`sockets/${name}.sock`)}\nenv[WHO] = ${name}\n`;
  const left =
    /WARNING: unable to remove the socket '.*\/one\.sock': Permission denied \(13\); .*folder '.*\/sockets'/;
  const leftToo = /WARNING: unable to remove the socket '.*\/two\.sock': Permission denied \(13\)/;
  await using server = await startServer({
    pools: (to) => {
      to.mkdir('sockets', 0o777);
      return lines('one')(to);
    },
    ...asNobody,
    expected: [left, leftToo],
  });
  const folder = server.folder.join('sockets');
  server.configure(lines('two'));
  // By now read-only for the master, as a file system is after an error: the new socket is made before that.
  const from = server.log.mark();
  server.signal('SIGUSR2');
  await poll('the new socket', () => existsSync(`${folder}/two.sock`) || undefined);
  closeFolder(folder);
  await server.log.waitFor(left, from);
  await server.ready(from, 20_000);
  assert.equal(await ask(server, `${folder}/two.sock`), 'two');
  await server.stop();
  assert.deepEqual(
    ['one', 'two'].map((name) => lstatSync(`${folder}/${name}.sock`).isSocket()),
    [true, true],
  );
});

for (const [what, end] of [
  ['no pool could be started', undefined],
  ['it is stopped', 'SIGTERM'],
  ['it is stopped gracefully', 'SIGQUIT'],
] as const) {
  test(`a start in which ${what} tells of the socket that it cannot remove`, async () => {
    await using server = new Server({
      // A native host would be up before it is killed.
      engine: 'embedded',
      pools: (to) => {
        to.mkdir('sockets', 0o777);
        return `[www]\npm = static\npm.max_children = 1\nlisten = ${to.join('sockets/one.sock')}\n`;
      },
      ...asNobody,
    });
    const folder = server.folder.join('sockets');
    await poll('the socket', () => existsSync(`${folder}/one.sock`) || undefined);
    await poll('the host', () => server.workers().length > 0 || undefined);
    closeFolder(folder);
    if (end === undefined) for (const { pid } of server.workers()) process.kill(pid, 'SIGKILL');
    else server.signal(end);
    await within(exited(server.child), () => `the end; log:\n${server.log.text()}`);
    assert.match(
      server.log.text(),
      /WARNING: unable to remove the socket '.*\/one\.sock': Permission denied \(13\)/,
    );
    assert.equal(server.child.exitCode, end === undefined ? 78 : 0, server.log.text());
  });
}

/** Makes a listening socket, hands it over as PHP-FPM's predecessor would, and becomes the master. */
const predecessor = `
  my $path = shift;
  $^F = 100;
  socket(my $socket, PF_UNIX, SOCK_STREAM, 0) or die $!;
  bind($socket, pack_sockaddr_un($path)) && listen($socket, 5) or die $!;
  $ENV{FPM_SOCKETS} = "$path=" . fileno($socket);
  chmod 0555, $path =~ s{/[^/]+$}{}r;
  exec @ARGV;`;

test('a socket of the predecessor that no pool wants and that cannot be removed is survived', async () => {
  const folder = new TestFolder();
  const path = join(folder.mkdir('old', 0o777), 'old.sock');
  if (isRoot) chownSync(folder.join('old'), 65_534, 65_534);
  await using server = await startServer({
    pools: (to) =>
      `[www]\npm = static\npm.max_children = 1\nlisten = ${to.join('run/www.sock')}\nenv[WHO] = www\n`,
    through: [...(asNobody.through ?? []), 'perl', '-MSocket', '-e', predecessor, path],
    expected: [/unable to remove the socket '.*\/old\.sock': Permission denied/],
  });
  assert.match(server.log.text(), /WARNING: unable to remove the socket '.*\/old\.sock'/);
  assert.equal(await ask(server, server.socket()), 'www');
  await server.stop();
  folder[Symbol.dispose]();
});
