/** Which PHP runs: every installed version, and a clear word about those that are not. */
import assert from 'node:assert/strict';
import { utimesSync } from 'node:fs';
import { test } from 'node:test';
import { installedVersions, knownVersions } from '../../src/engine/embedded/php/package.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { run as runCommand, serverCommand, startServer } from '../harness/server.ts';
import { json, text } from './scripts.ts';

for (const version of installedVersions()) {
  test(`PHP ${version} by engine.php`, async () => {
    await using server = await startServer({
      pools: (folder) => poolText(folder, 'www', `engine.php = ${version}`),
    });
    const [phpVersion, sapi, page] = (await json(
      server,
      `ob_start(); phpinfo(); $page = ob_get_clean(); echo json_encode([PHP_VERSION, PHP_SAPI, preg_match('/Server API.*FPM\\/FastCGI/', $page) && strpos($page, 'Zend OPcache')]);`,
    )) as [string, string, boolean];
    assert.match(phpVersion, new RegExp(`^${version.replace('.', '\\.')}\\.\\d+$`));
    assert.deepEqual([sapi, page !== false], ['fpm-fcgi', true]);
    assert.match(
      server.log.text(),
      new RegExp(`PHP ${phpVersion.replaceAll('.', '\\.')} compiled to WebAssembly`),
    );
    await server.stop();
  });
}

test('opcache_get_status() counts hits, and a changed script is seen', async () => {
  await using server = await startServer({
    // Files that changed a moment ago would not be taken up.
    pools: (folder) =>
      poolText(
        folder,
        'www',
        'php_admin_value[opcache.revalidate_freq] = 0\nphp_admin_value[opcache.file_update_protection] = 0',
      ),
  });
  const hits = `$s = opcache_get_status(); echo json_encode([$s['opcache_enabled'], $s['opcache_statistics']['hits'], $s['memory_usage']['used_memory'] > 0]);`;
  const [enabled, first, used] = (await json(server, hits)) as [boolean, number, boolean];
  assert.deepEqual([enabled, used], [true, true]);
  for (let i = 1; i < 4; i++) {
    const [, now] = (await json(server, hits)) as [boolean, number];
    assert.equal(now, first + i);
  }
  const part = server.folder.write('www/part.php', '<?php return 1;');
  // OPcache compares whole seconds.
  utimesSync(part, 1_000_000_000, 1_000_000_000);
  const include = `echo include '${part}';`;
  assert.equal(await text(server, include), '1');
  server.folder.write('www/part.php', '<?php return 2;');
  assert.equal(await text(server, include), '2');
  await server.stop();
});

test('a version that is not installed is named with the command that installs it', async () => {
  using folder = new TestFolder();
  folder.mkdir('run');
  const start = async (lines: string, flags: readonly string[]): Promise<string> => {
    const config = folder.write(
      'server.conf',
      `[global]\nerror_log = ${folder.join('error.log')}\n${poolText(folder, 'www', lines)}`,
    );
    const result = await runCommand(serverCommand(), [...flags, '-y', config], { cwd: folder.path });
    assert.notEqual(result.code, 0);
    return result.stderr;
  };
  const missing = knownVersions.find((version) => !installedVersions().includes(version)) ?? '';
  const cases: readonly (readonly [string, RegExp])[] = [
    ...(missing === ''
      ? []
      : [
          [
            `engine.php = ${missing}`,
            new RegExp(`npm install @php-wasm/node-${missing.replace('.', '-')}`),
          ] as const,
        ]),
    ['engine.php = 5.6', /cannot run PHP "5\.6" in the embedded engine: it has 8\.5, 8\.4/],
    ['engine = native', /\[pool www\] engine = native: the native engine is not built; run "hathi build"/],
  ];
  for (const [lines, reason] of cases) {
    assert.match(await start(lines, ['-F', '-O']), reason);
    // The test of the configuration finds it as well.
    assert.match(await start(lines, ['-t']), reason);
  }
});

test('redis is always there, memcached where the pool asks for it', async () => {
  const have = `echo json_encode([class_exists('Redis'), class_exists('Memcached')]);`;
  await using server = await startServer({
    pools: (folder) =>
      poolText(folder) + poolText(folder, 'more', 'php_admin_value[extension] = memcached.so'),
  });
  assert.deepEqual(await json(server, have), [true, false]);
  assert.deepEqual(await json(server, have, { pool: 'more' }), [true, true]);
  await server.stop();
});

test('with cgi.fix_pathinfo = 0 PATH_INFO is the script of PHP_SELF', async () => {
  await using server = await startServer({ pools: poolText, args: ['-d', 'cgi.fix_pathinfo=0'] });
  const params = { PATH_INFO: '/extra' };
  assert.deepEqual(
    await json(server, `echo json_encode([$_SERVER['PHP_SELF'], getenv('PHP_SELF')]);`, { params }),
    ['/extra', false],
  );
  await server.stop();
});
