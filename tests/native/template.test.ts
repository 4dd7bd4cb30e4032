/** Templates below a real master: hosts that come by fork, and what becomes of them when their template goes. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, utimesSync } from 'node:fs';
import { suite, test } from 'node:test';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { descendants, identify, isAlive, type ProcessId, signalProcess } from '../harness/processes.ts';
import { type Server, startServer, titleOf } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { skip } = nativeBuild();

function start(lines = '', expected: readonly RegExp[] = []): Promise<Server> {
  return startServer({
    engine: 'native',
    pools: (folder) => poolText(folder, 'one', lines) + poolText(folder, 'two', lines),
    expected,
  });
}

function templates(server: Server): ProcessId[] {
  return descendants(server.pid).filter(({ pid }) => titleOf(pid).startsWith('php-fpm: template for'));
}

/** Hosts that are kept ready for the next pools that wake. */
function sparesOf(server: Server): ProcessId[] {
  return descendants(server.pid).filter(({ pid }) =>
    titleOf(pid).startsWith("php-fpm: template's next host"),
  );
}

function spareOf(server: Server): ProcessId | undefined {
  return sparesOf(server)[0];
}

async function ask(server: Server, pool: string, code: string): Promise<string> {
  const script = server.folder.write(`www/${pool}.php`, `<?php ${code}`);
  return (await request(server.socket(pool), scriptParams(script))).body.toString();
}

suite('hosts that a template makes', { skip }, () => {
  test('two pools share it, and have an OPcache each', async () => {
    await using server = await start();
    const [template, ...others] = templates(server);
    assert.ok(template !== undefined && others.length === 0);
    const hosts = server.hosts();
    assert.deepEqual(
      hosts.map(({ parent }) => parent),
      [template.pid, template.pid],
    );
    // Older than opcache.file_update_protection.
    utimesSync(server.folder.write('www/cached.php', '<?php'), 1, 1);
    const code = `opcache_compile_file('${server.folder.join('www/cached.php')}');
      echo json_encode(array_map('basename', array_keys(opcache_get_status()['scripts'])));`;
    assert.deepEqual(JSON.parse(await ask(server, 'one', code)), ['cached.php']);
    assert.deepEqual(
      JSON.parse(await ask(server, 'two', 'echo json_encode(array_keys(opcache_get_status()["scripts"]));')),
      [],
    );
    await server.stop();
  });

  test('it is gone: hosts serve on, and the next host comes from another', async () => {
    const expected = [
      /ALERT: template \d+ is gone: it was ended by SIGKILL/,
      /the engine host \d+ exited in an unknown way/,
    ];
    await using server = await start('', expected);
    const [template] = templates(server);
    assert.ok(template !== undefined);
    signalProcess(template, 'SIGKILL');
    await server.log.waitFor(/ALERT: template \d+ is gone/);
    const orphans = server.log.count(/starting a new one/);
    assert.equal(orphans, 0, 'the hosts are not started again');
    // They are nobody's children now: the master knows of their ends by their channels alone.
    const worker = identify(Number(await ask(server, 'one', 'echo getmypid();')));
    const host = worker && identify(worker.parent);
    assert.ok(worker !== undefined && host !== undefined);
    signalProcess(host, 'SIGKILL');
    await server.log.waitFor(/\[pool one\] the engine host \d+ exited/);
    await poll('the worker without a host to go', () => !isAlive(worker) || undefined);
    assert.equal(await ask(server, 'one', 'echo "again";'), 'again');
    assert.equal(templates(server).length, 1);
    assert.equal(await ask(server, 'two', 'echo "still";'), 'still');
    await server.stop();
  });

  test('a reload starts another; the old one goes with its last host', async () => {
    await using server = await start();
    const [old] = templates(server);
    assert.ok(old !== undefined);
    server.folder.write(
      'www/long.php',
      '<?php touch($_SERVER["MARK"]); while (!file_exists($_SERVER["GO"])) { usleep(5000); clearstatcache(); } echo "done";',
    );
    const go = server.folder.join('tmp/go');
    const mark = server.folder.join('tmp/mark');
    const params = scriptParams(server.folder.join('www/long.php'), { GO: go, MARK: mark });
    const long = request(server.socket('one'), params);
    await poll('the long request', () => existsSync(mark) || undefined);
    await server.reload();
    assert.equal(templates(server).length, 2, 'its host has a request');
    server.folder.write('tmp/go', '');
    assert.equal((await long).body.toString(), 'done');
    await poll('the end of the old template', () => !isAlive(old) || undefined);
    for (const file of [go, mark]) rmSync(file);
    await server.stop();
  });

  test('engine.start = exec: each host starts PHP by itself', async () => {
    await using server = await start('engine.start = exec');
    assert.deepEqual(templates(server), []);
    assert.deepEqual(
      server.hosts().map(({ parent }) => parent),
      [server.pid, server.pid],
    );
    assert.equal(await ask(server, 'one', 'echo "hello";'), 'hello');
    await server.stop();
  });

  test('a pool that wakes has the host that the template keeps ready, and has everything of its own', async () => {
    const pools = (folder: TestFolder) =>
      ['one', 'two', 'three', 'four', 'five', 'six']
        .map((name) => poolText(folder, name, `pm = ondemand\nenv[WHO] = ${name}`))
        .join('') +
      poolText(folder, 'tuned', 'pm = ondemand\nphp_admin_value[opcache.memory_consumption] = 32');
    await using server = await startServer({ engine: 'native', pools });
    const code =
      'echo json_encode([getenv("WHO"), opcache_get_status()["memory_usage"]["free_memory"] >> 20, posix_getppid()]);';
    for (const name of ['one', 'two', 'three']) {
      const spare = await poll('the next host', () => spareOf(server));
      const [who, free, host] = JSON.parse(await ask(server, name, code)) as [string, number, number];
      assert.deepEqual([who, host], [name, spare.pid]);
      assert.ok(free > 64);
      assert.equal(titleOf(host).split('\0')[0]?.trim(), `php-fpm: host for ${name}`);
    }
    const spare = await poll('the next host', () => spareOf(server));
    const [, free, host] = JSON.parse(await ask(server, 'tuned', code)) as [string, number, number];
    assert.ok(free < 32, 'its OPcache has the size that the pool wants');
    assert.notEqual(host, spare.pid);
    const row = ['four', 'five', 'six'];
    assert.deepEqual(await Promise.all(row.map((name) => ask(server, name, 'echo getenv("WHO");'))), row);
    await poll(
      'more hosts than one after pools that woke together',
      () => sparesOf(server).length > 1 || undefined,
    );
    await server.stop();
  });

  test('a reload while a pool wakes: its client is answered, and the host on its way finishes by itself', async () => {
    const pools = (folder: TestFolder) => poolText(folder, 'one', 'pm = ondemand');
    await using server = await startServer({ engine: 'native', pools, global: 'log_level = debug\n' });
    const [template] = templates(server);
    assert.ok(template !== undefined);
    signalProcess(template, 'SIGSTOP');
    const answer = ask(server, 'one', 'echo "awake";');
    await server.log.waitFor(/\[pool one\] a connection wakes it/);
    await server.reload();
    signalProcess(template, 'SIGCONT');
    assert.equal(await answer, 'awake');
    await poll('the end of the old template', () => !isAlive(template) || undefined);
    await server.stop();
  });

  test('the host kept ready dies, or its template does: pools wake all the same, and nothing is left', async () => {
    const pools = (folder: TestFolder) =>
      ['one', 'two', 'three'].map((name) => poolText(folder, name, 'pm = ondemand')).join('');
    const expected = [/ALERT: template \d+ is gone: it was ended by SIGKILL/];
    await using server = await startServer({ engine: 'native', pools, expected });
    const first = await poll('the next host', () => spareOf(server));
    signalProcess(first, 'SIGKILL');
    await poll('its end', () => !isAlive(first) || undefined);
    assert.equal(await ask(server, 'one', 'echo "awake";'), 'awake');
    const second = await poll('another one', () => spareOf(server));
    const [template] = templates(server);
    assert.ok(template !== undefined);
    signalProcess(template, 'SIGKILL');
    await server.log.waitFor(/ALERT: template \d+ is gone/);
    await poll('the end of the host that was kept ready', () => !isAlive(second) || undefined);
    assert.equal(await ask(server, 'two', 'echo "awake";'), 'awake');
    assert.equal(await ask(server, 'one', 'echo "still";'), 'still');
    await server.stop();
  });
});
