/** `hathi rollback`: the configurations that were in force are kept, and one of them is put in force again. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { ConfigurationArchive } from '../../src/boot/configuration-archive.ts';
import type { AdminIo } from '../../src/cli/watch/admin-command.ts';
import { reloadCommand } from '../../src/cli/watch/reload.ts';
import { rollbackCommand } from '../../src/cli/watch/rollback.ts';
import { statusCommand } from '../../src/cli/watch/status.ts';
import { ErrorLog } from '../../src/log/error-log.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { type Server, startServer } from '../harness/server.ts';

async function run(
  command: (args: string[], io: AdminIo) => Promise<number>,
  args: string[],
  server: Server,
) {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const env = { HATHI_RUNTIME_DIR: server.folder.join('runtime') };
  const code = await command(['-y', server.configFile, ...args], { stdout, stderr, env });
  stdout.end();
  stderr.end();
  return { code, stdout: await text(stdout), stderr: await text(stderr) };
}

/** What the pool says that it is. */
async function shown(server: Server): Promise<string> {
  const script = server.folder.write('www/who.php', '<?php echo getenv("WHO");');
  return (await request(server.socket(), scriptParams(script))).body.toString();
}

test('each configuration that was in force is kept once, and comes back as a reload, included files too', async () => {
  const pools = (folder: TestFolder, who: string): string => {
    folder.mkdir('pool.d');
    folder.write('pool.d/www.conf', poolText(folder, 'www', `env[WHO] = ${who}`));
    return `include = ${folder.join('pool.d/*.conf')}`;
  };
  await using server = await startServer({
    engine: 'native',
    pools: (folder) => pools(folder, 'one'),
    expected: [/reload refused/, /unknown entry/, /failed to load|Unable to include/, /cannot roll back/],
  });
  assert.equal(await shown(server), 'one');
  const alone = await run(rollbackCommand, [], server);
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /refused.*\n {2}no earlier configuration is kept\n/);

  server.configure((folder) => pools(folder, 'two'));
  assert.equal((await run(reloadCommand, [], server)).code, 0);
  assert.equal((await run(reloadCommand, [], server)).code, 0, 'the same again');
  assert.equal(await shown(server), 'two');
  // One that was refused was never in force, and a file that has gone is part of what was.
  server.configure((folder) => `${pools(folder, 'three')}\nbogus = 1\n`);
  assert.equal((await run(reloadCommand, [], server)).code, 1);
  rmSync(server.folder.join('pool.d/www.conf'));
  server.folder.write('pool.d/other.conf', 'bogus = 1\n');
  const before = readFileSync(server.configFile, 'utf8');

  assert.deepEqual(await run(rollbackCommand, [], server), { code: 0, stdout: '', stderr: '' });
  assert.equal(await shown(server), 'one');
  assert.equal(readFileSync(server.configFile, 'utf8'), before, 'the files are the operator’s');
  assert.match((await run(statusCommand, [], server)).stdout, /rolled back to configuration 1/);
  assert.match((await run(rollbackCommand, [], server)).stderr, /no earlier configuration is kept/);
  assert.equal((await run(rollbackCommand, ['--to', '2'], server)).code, 0);
  assert.equal(await shown(server), 'two');
  assert.equal((await run(rollbackCommand, [], server)).code, 0, 'back from there');
  assert.equal(await shown(server), 'one');
  assert.match((await run(rollbackCommand, ['--to', '99'], server)).stderr, /configuration 99 is not kept/);
  assert.equal((await run(rollbackCommand, ['--to', '1x'], server)).code, 64);

  const list = (await run(rollbackCommand, ['--list'], server)).stdout.trimEnd().split('\n');
  assert.deepEqual(
    list.map((row) => row.replace(/\d{4}-\S+Z/, 'TIME').replace(/by uid.*/, 'by CLIENT')),
    [
      '*    5  TIME  rollback to 1, by CLIENT',
      '     4  TIME  rollback to 2, by CLIENT',
      '     3  TIME  rollback to 1, by CLIENT',
      '     2  TIME  reload, by CLIENT',
      '     1  TIME  start, by the start',
    ],
  );
  const [folder = ''] = readdirSync(server.folder.join('runtime')).filter((name) =>
    name.endsWith('.configurations'),
  );
  assert.equal(statSync(server.folder.join(`runtime/${folder}`)).mode & 0o777, 0o700);
  assert.equal(statSync(server.folder.join(`runtime/${folder}/1.json`)).mode & 0o777, 0o600);
  // The files count again.
  rmSync(server.folder.join('pool.d/other.conf'));
  server.configure((place) => pools(place, 'four'));
  await server.reload();
  assert.equal(await shown(server), 'four');
  assert.doesNotMatch((await run(statusCommand, [], server)).stdout, /rolled back/);
  await server.stop();
});

test('the last 20 are kept, over masters, and a folder that others may open is not trusted', () => {
  using folder = new TestFolder();
  const place = folder.join('kept');
  const lines: string[] = [];
  const log = new ErrorLog();
  log.warning = (line: string) => void lines.push(line);
  const read = (content: string) => ({ files: { main: content }, folders: {}, missing: [] });
  const first = new ConfigurationArchive(place, log);
  for (let index = 1; index <= 25; index += 1) {
    first.took(read(`version ${index}`));
    first.keep({ by: 'test', why: 'reload' });
  }
  assert.deepEqual([first.list().length, first.list().at(-1)?.id, first.inForce?.id], [20, 6, 25]);
  assert.equal(readdirSync(place).length, 40, 'an entry and its files');

  const second = new ConfigurationArchive(place, log);
  assert.equal(second.find(undefined).read.files['main'], 'version 25', 'nothing is in force yet');
  second.took(read('version 25'));
  second.keep({ by: 'test', why: 'start' });
  assert.equal(second.inForce?.id, 25, 'the same files are the same configuration');
  assert.equal(second.find(undefined).read.files['main'], 'version 24');
  assert.deepEqual(lines, []);

  writeFileSync(`${place}/24.json`, 'not json');
  const third = new ConfigurationArchive(place, log);
  assert.deepEqual([third.list().length, lines.length], [19, 1], lines.join('\n'));
  chmodSync(place, 0o777);
  assert.throws(() => new ConfigurationArchive(place, log).find(25), /open to others/);
  assert.throws(() => new ConfigurationArchive(undefined, log).find(undefined), /runtime folder is missing/);
});
