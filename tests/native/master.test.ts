/** The native engine below the real master: what its log says, reloads, crashes, status and access log. */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { suite, test } from 'node:test';
import type { PoolConfig } from '../../src/config/directives.ts';
import { engineCommand } from '../../src/engine/choice/select.ts';
import { locateEngine } from '../../src/engine/native/locate.ts';
import { recordFile } from '../../src/engine/native/store.ts';
import { pageParams, request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { identify } from '../harness/processes.ts';
import { cleanEnv, run, type Server, serverCommand, startServer } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';
import { crashingScript } from './crashing-script.ts';

const { folder, skip } = nativeBuild();

/** The master's own choice has to know the engine. */
function isChosen(): boolean {
  const saved = process.env['HATHI_ENGINE_DIR'];
  process.env['HATHI_ENGINE_DIR'] = folder;
  try {
    return engineCommand({ name: 'www', engine: 'native' } as PoolConfig).engine === 'native';
  } catch {
    return false;
  } finally {
    if (saved === undefined) delete process.env['HATHI_ENGINE_DIR'];
    else process.env['HATHI_ENGINE_DIR'] = saved;
  }
}

const start = (lines = '', expected: readonly RegExp[] = [], args: readonly string[] = []): Promise<Server> =>
  startServer({
    args,
    pools: (target: TestFolder) => poolText(target, 'www', `engine = native\n${lines}`),
    env: { HATHI_ENGINE_DIR: folder },
    expected,
  });

/** A folder with a record of the build in which something is otherwise. */
function otherRecord(target: TestFolder, more: object): string {
  const located = locateEngine(undefined, [folder]);
  assert.ok('engine' in located);
  const { file, record } = located.engine;
  const path = target.mkdir('engines');
  copyFileSync(file, join(path, basename(file)));
  writeFileSync(recordFile(join(path, basename(file))), JSON.stringify({ ...record, ...more }));
  return path;
}

suite('builds and the PHP that they were made for', { skip }, () => {
  test('a reload takes an upgraded PHP up', async (context) => {
    using own = new TestFolder();
    const located = locateEngine(undefined, [folder]);
    assert.ok('engine' in located);
    if (located.engine.record.linked !== undefined)
      return context.skip('a sanitizer has a script start the host');
    const program = own.join('php');
    copyFileSync(located.engine.record.host, program);
    await using server = await startServer({
      engine: 'native',
      pools: (target) => poolText(target, 'www', 'engine = auto'),
      env: { HATHI_ENGINE_DIR: otherRecord(own, { host: program }) },
    });
    const inode = (): number => statSync(`/proc/${server.hosts()[0]?.pid}/exe`).ino;
    assert.equal(inode(), statSync(program).ino);
    // As a package manager does it: the running program keeps its file, which has no name any more.
    copyFileSync(located.engine.record.host, own.join('fresh'));
    renameSync(own.join('fresh'), program);
    assert.notEqual(inode(), statSync(program).ino);
    await server.reload();
    await poll('the host of the upgraded PHP', () => inode() === statSync(program).ino || undefined);
    server.assertNative();
    await server.stop();
  });

  test('a build that cannot be used gives way to the embedded engine with a warning, or to an error', async () => {
    using own = new TestFolder();
    const why = /the native engine for PHP 8\.\d+\.\d+\S* is stale: it was built from other sources/;
    const env = { HATHI_ENGINE_DIR: otherRecord(own, { sources: 'other' }) };
    await using server = await startServer({
      pools: (target) => poolText(target, 'www', 'engine = auto'),
      env,
      expected: [/WARNING: \[pool www\] runs with the embedded engine: /],
    });
    assert.match(await server.log.waitFor(/runs with the embedded engine/), why);
    await server.stop();
    const refused = await run(
      serverCommand(),
      ['-t', '-y', own.write('native.conf', poolText(own, 'www', 'engine = native'))],
      {
        env: cleanEnv(env),
      },
    );
    assert.equal(refused.code, 78);
    assert.match(refused.stderr, why);
  });
});

suite('a native pool below the master', {
  skip: skip || (!isChosen() && 'src/engine/choice/select.ts does not know it'),
}, () => {
  test('workers share an OPcache, and a reload makes it fresh', async () => {
    await using server = await start(
      'pm.max_children = 2',
      [],
      ['-d', 'opcache.validate_timestamps=0', '-d', 'opcache.file_update_protection=0'],
    );
    const script = server.folder.write(
      'www/version.php',
      `<?php echo "old ", PHP_SAPI, opcache_is_script_cached(__FILE__) ? " cached" : "";`,
    );
    const ask = async (): Promise<string> =>
      (await request(server.socket(), scriptParams(script))).body.toString();
    assert.match(await ask(), /^old fpm-fcgi/);
    // OPcache may leave a script out once, when it cannot have its lock at once.
    await poll('the script in OPcache', async () => (await ask()) === 'old fpm-fcgi cached' || undefined);
    server.folder.write('www/version.php', '<?php echo "new";');
    for (let round = 0; round < 6; round++) assert.equal(await ask(), 'old fpm-fcgi cached');
    await server.reload();
    // A worker of the old generation may be woken for a connection before the order to end has reached it.
    await poll('the new generation', async () => (await ask()) === 'new' || undefined);
    assert.ok(identify(server.pid) !== undefined);
    await server.stop();
  });

  test('a crash is logged with its signal, and its slot is back', async () => {
    const line = /WARNING: \[pool www\] child \d+ exited on signal 11 \(SIGSEGV/;
    await using server = await start('', [line]);
    const crash = server.folder.write('www/crash.php', crashingScript);
    const hello = server.folder.write('www/hello.php', '<?php echo "hello";');
    const from = server.log.mark();
    assert.equal((await request(server.socket(), scriptParams(crash))).status, 500);
    assert.equal((await request(server.socket(), scriptParams(hello))).body.toString(), 'hello');
    await server.log.waitFor(line, from, 5000);
    await server.stop();
  });

  test('the status page, access log and titles', async () => {
    await using server = await start('pm.status_path = /status\naccess.format = "%m %r %s %n"');
    const reply = await request(server.socket(), pageParams('/status', 'json'));
    const page = JSON.parse(reply.body.toString()) as Record<string, unknown>;
    assert.deepEqual([page['pool'], page['process manager'], page['accepted conn']], ['www', 'static', 1]);
    const titles = server
      .workers()
      .map(({ pid }) => readFileSync(`/proc/${pid}/cmdline`, 'latin1').replace(/\0.*/s, ''));
    assert.deepEqual(titles.sort(), ['php-fpm: host for www', 'php-fpm: pool www']);
    await server.stop();
  });

  test('ondemand: workers come with requests', async () => {
    await using server = await start('pm = ondemand\npm.max_children = 3', [
      /server reached max_children setting/,
    ]);
    const hello = server.folder.write('www/hello.php', '<?php usleep(20000); echo "hello";');
    const replies = await Promise.all(
      Array.from({ length: 6 }, () => request(server.socket(), scriptParams(hello))),
    );
    assert.deepEqual(
      replies.map(({ body }) => body.toString()),
      Array(6).fill('hello'),
    );
    await server.stop();
  });

  test('a worker that is killed is replaced, a host that is killed as well', async () => {
    await using server = await start('', [/exited on signal 9/, /engine host \d+ exited|starting a new one/]);
    const script = server.folder.write('www/pid.php', '<?php echo getmypid();');
    const ask = async (): Promise<number> =>
      Number((await request(server.socket(), scriptParams(script))).body.toString());
    const worker = await ask();
    process.kill(worker, 'SIGKILL');
    const next = await ask();
    assert.notEqual(next, worker);
    const host = server.hosts()[0];
    assert.ok(host !== undefined);
    process.kill(host.pid, 'SIGKILL');
    await poll('the old worker to go', () => identify(next) === undefined || undefined);
    assert.notEqual(await ask(), next);
    await server.stop();
  });
});
