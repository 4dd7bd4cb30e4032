import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { promisify } from 'node:util';
import { phpCli } from '../harness/debian.ts';
import { PhpThread, scripts } from './php-thread.ts';

const run = promisify(execFile);

suite('Locks of the embedded PHP', () => {
  let threads: PhpThread[];
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hathi-locks-'));
    threads = await Promise.all([PhpThread.start(), PhpThread.start(), PhpThread.start()]);
  });
  after(async () => {
    await Promise.all(threads.map((thread) => thread.stop()));
    rmSync(folder, { recursive: true });
  });
  const everywhere = (script: string, query: string): Promise<string[]> =>
    Promise.all(threads.map((thread) => thread.text(script, { params: [['QUERY_STRING', query]] })));
  const first = (script: string, query: string): Promise<string> =>
    threads[0]!.text(script, { params: [['QUERY_STRING', query]] });

  test('flock() keeps a counter right between threads', async () => {
    const file = join(folder, 'counter');
    writeFileSync(file, '0');
    await everywhere('count-with-flock.php', `file=${file}`);
    assert.equal(readFileSync(file, 'utf8'), '300');
  });

  test('LOCK_EX keeps lines whole', async () => {
    const file = join(folder, 'lines');
    await everywhere('append-locked.php', `file=${file}`);
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.equal(lines.length, 300);
    assert.ok(lines.every((line) => line === 'l'.repeat(60)));
  });

  test("a session is one request's at a time", async () => {
    for (let round = 0; round < 30; round += 1) {
      // A new session file each time: creating it is part of the race.
      rmSync(join(folder, 'sess_shared'), { force: true });
      assert.deepEqual((await everywhere('count-in-session.php', `dir=${folder}`)).toSorted(), [
        '1',
        '2',
        '3',
      ]);
    }
  });

  test('a lock that another process holds is seen', async () => {
    const file = join(folder, 'held');
    const holder = execFile('flock', [file, '-c', 'echo held; cat']);
    await new Promise((resolve) => holder.stdout!.once('data', resolve));
    assert.equal(await first('try-lock.php', `file=${file}`), '[false,1]');
    const ended = new Promise((resolve) => holder.once('exit', resolve));
    holder.stdin!.end();
    await ended;
    assert.equal(await first('try-lock.php', `file=${file}`), '[true,0]');
  });

  test('SQLite loses no row between threads and a native program', async () => {
    const file = join(folder, 'rows.db');
    await first('insert-rows.php', `file=${file}`);
    const native = run(phpCli, [join(scripts, 'insert-rows.php'), file]);
    assert.deepEqual(await everywhere('insert-rows.php', `file=${file}`), ['ok', 'ok', 'ok']);
    assert.equal((await native).stdout, 'ok');
    assert.equal(await first('check-rows.php', `file=${file}`), '250 ok');
  });

  test('two connections of one script exclude each other', async () => {
    const file = join(folder, 'two.db');
    assert.equal(await first('two-connections.php', `file=${file}`), '[false,true,2]');
  });

  test('SQLite keeps its rollback journal when a script asks for WAL', async () => {
    const file = join(folder, 'asked.db');
    assert.equal(await first('ask-for-wal.php', `file=${file}`), '["delete",1]');
  });

  test('a database in WAL mode is refused, with the reason in the log', async () => {
    const file = join(folder, 'wal.db');
    execFileSync('sqlite3', [file, 'PRAGMA journal_mode=WAL; create table t (x)']);
    const response = await threads[0]!.run('open-wal.php', { params: [['QUERY_STRING', `file=${file}`]] });
    assert.match(response.body, /unable to open database file/);
    assert.match(response.log, /is in WAL mode, .*run "PRAGMA journal_mode=DELETE"/);
  });

  test('a script that waits for its own lock can be ended, and its locks go with it', async () => {
    const file = join(folder, 'deadlock');
    const victim = await PhpThread.start();
    const waiting = victim.run('lock-twice.php', {
      params: [['QUERY_STRING', `file=${file}`]],
      onMessage: (message) => void (message.type === 'out' && victim.worker.terminate()),
    });
    await assert.rejects(waiting, /the thread ended/);
    assert.equal(await first('try-lock.php', `file=${file}`), '[true,0]');
  });
});
