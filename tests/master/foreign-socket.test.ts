/**
 * Something of others where a pool's socket was: its user, who may change the folder, keeps no other pool from a reload.
 * php-fpm goes on with its open sockets as well, and says nothing.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server as NetServer } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { askAdmin } from '../admin/client.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';
import { nativeBuild } from '../native/built-engine.ts';

const stranded = /ERROR: \[pool www\] goes on with its open socket, which new clients do not find any more/;

suite('a file of others at the path of a socket', () => {
  let server: Server;
  let script: string;
  let path: string;
  let moved: string;

  const pools =
    (who: string, lines = '') =>
    (to: TestFolder): string =>
      poolText(to, 'www', `env[WHO] = ${who}\n${lines}`) + poolText(to, 'other', `env[WHO] = ${who}`);
  const ask = async (socket: string): Promise<string> =>
    (await request(socket, scriptParams(script))).body.toString();
  const reload = async (): Promise<{ outcome: string; reasons: string[] }> => {
    const socketPath = server.folder.join('run/admin.sock');
    const { body } = await askAdmin({ socketPath, path: '/api/reload?wait=1', method: 'POST' });
    return JSON.parse(body);
  };

  before(async () => {
    server = await startServer({
      pools: (to) => `admin.listen = ${to.join('run/admin.sock')}\n${pools('0')(to)}`,
      engine: nativeBuild().skip === false ? 'native' : 'embedded',
      expected: [stranded, /reload refused/, /is there and is left alone/],
    });
    script = server.folder.write('www/who.php', '<?php echo getenv("WHO");');
    path = server.socket();
    moved = `${path}.moved`;
  });
  after(() => server[Symbol.asyncDispose]());

  const configure = (who: string, lines = ''): void =>
    server.configure((to) => `admin.listen = ${to.join('run/admin.sock')}\n${pools(who, lines)(to)}`);

  let theirs: NetServer | undefined;
  const listenThere = async (): Promise<void> => {
    theirs = createServer();
    await new Promise<void>((resolve) => theirs?.listen(path, resolve));
  };
  const rows: readonly [what: string, reason: RegExp, put: () => void | Promise<void>][] = [
    ['a regular file', /: a regular file is there and is left alone/, () => writeFileSync(path, 'x')],
    ['a folder', /: a folder is there/, () => mkdirSync(path)],
    ['a link to the socket', /: a symbolic link is there/, () => symlinkSync(moved, path)],
    ['a dangling link', /: a symbolic link is there/, () => symlinkSync('/nonexistent', path)],
    ['a FIFO', /: a file that is no socket is there/, () => void execFileSync('mkfifo', [path])],
    ["another process's socket", /: Another FPM instance seems to already listen on /, listenThere],
  ];
  for (const [index, [what, reason, put]] of rows.entries()) {
    test(`${what}: the reload is partial, and all pools are reloaded`, async () => {
      renameSync(path, moved);
      await put();
      const { ino } = lstatSync(path);
      const from = server.log.mark();
      const who = `a${index}`;
      configure(who);
      const { outcome, reasons } = await reload();
      assert.deepEqual([outcome, reasons.length], ['partial', 1], server.log.text());
      assert.match(reasons[0] ?? '', reason);
      assert.match(
        reasons[0] ?? '',
        /; make room at '.*\/run\/www\.sock', give the folder '.*\/run' to root and reload$/,
      );
      assert.equal(server.log.lines.slice(from).filter((line) => stranded.test(line)).length, 1, 'told once');
      assert.deepEqual([await ask(server.socket('other')), await ask(moved)], [who, who]);
      assert.equal(lstatSync(path).ino, ino, 'left alone');
      theirs?.close();
      theirs = undefined;
      rmSync(path, { recursive: true, force: true });
      assert.equal((await reload()).outcome, 'succeeded');
      assert.equal(await ask(path), who, 'a socket of its own again');
      rmSync(moved);
    });
  }

  test('other settings for such a socket, and a folder that is gone, refuse nothing either', async () => {
    const folder = server.folder.join('pool');
    const there = `${folder}/www.sock`;
    mkdirSync(folder);
    configure('b', `listen = ${there}`);
    assert.equal((await reload()).outcome, 'succeeded');
    renameSync(folder, `${folder}.moved`);
    configure('c', `listen = ${there}\nlisten.mode = 0666\nlisten.backlog = 5`);
    const { outcome, reasons } = await reload();
    assert.equal(outcome, 'partial', server.log.text());
    assert.match(reasons.join(), /No such file or directory \(2\); make room/);
    assert.deepEqual([await ask(server.socket('other')), await ask(`${folder}.moved/www.sock`)], ['c', 'c']);
    renameSync(`${folder}.moved`, folder);
    assert.equal((await reload()).outcome, 'succeeded');
    assert.equal(lstatSync(there).mode & 0o777, 0o666, 'settings are applied once it is there again');
  });

  test('where the pool has no socket yet the reload is refused', async () => {
    const wanted = server.folder.write('run/taken', '');
    configure('d', `listen = ${wanted}`);
    assert.equal((await reload()).outcome, 'refused');
    rmSync(wanted);
    await server.stop();
  });
});
