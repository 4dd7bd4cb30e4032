/** Which PHP runs: every installed version, and a clear word about those that are not. */
import assert from 'node:assert/strict';
import { readFileSync, symlinkSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { defaultVersion, installedVersions, knownVersions } from '../../src/engine/embedded/php/package.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { isRoot, run as runCommand, type Server, serverCommand, startServer } from '../harness/server.ts';
import { json, run, text } from './scripts.ts';

/** Each version's binary has its own stack and its own way to say that a script is to end. */
async function endsEndlessRecursion(server: Server): Promise<void> {
  const nested = '$a = 1; for ($i = 0; $i < 20000; $i++) $a = [$a]; echo strlen(serialize($a));';
  assert.equal(await text(server, nested), '200004');
  const endless = 'class Endless { function __toString() { return (string) $this; } } echo new Endless();';
  const { body } = await run(server, endless);
  assert.match(
    body.toString(),
    /Fatal error<\/b>: {2}(Uncaught Error: )?Maximum call stack size of \d{8} bytes (\(zend.*\) )?reached\. Infinite recursion\?/,
  );
  assert.equal(await text(server, nested), '200004');
}

/** What a version tells of itself, and how it ends what has no end. */
async function isVersion(server: Server, version: string): Promise<void> {
  const [phpVersion, sapi, page] = (await json(
    server,
    `ob_start(); phpinfo(); $page = ob_get_clean(); echo json_encode([PHP_VERSION, PHP_SAPI, preg_match('/Server API.*FPM\\/FastCGI/', $page) && strpos($page, 'Zend OPcache')]);`,
  )) as [string, string, boolean];
  assert.match(phpVersion, new RegExp(`^${version.replace('.', '\\.')}\\.\\d+$`));
  assert.deepEqual([sapi, page !== false], ['fpm-fcgi', true]);
  await server.log.waitFor(
    new RegExp(`NOTICE: \\[pool www\\] PHP ${phpVersion.replaceAll('.', '\\.')} compiled to WebAssembly`),
  );
  await endsEndlessRecursion(server);
}

for (const version of installedVersions().filter((known) => known !== defaultVersion)) {
  test(`PHP ${version} by engine.php`, async () => {
    await using server = await startServer({
      engine: 'embedded',
      pools: (folder) => poolText(folder, 'www', `engine.php = ${version}`),
    });
    await isVersion(server, version);
    await server.stop();
  });
}

suite(`PHP ${defaultVersion}`, () => {
  let server: Server;
  before(async () => {
    server = await startServer({
      engine: 'embedded',
      args: ['-d', 'cgi.fix_pathinfo=0'],
      // OPcache would not take up files that changed a moment ago.
      pools: (folder) =>
        poolText(
          folder,
          'www',
          `engine.php = ${defaultVersion}\nphp_admin_value[opcache.revalidate_freq] = 0\nphp_admin_value[opcache.file_update_protection] = 0`,
        ) + poolText(folder, 'more', 'php_admin_value[extension] = memcached.so'),
    });
  });
  after(async () => {
    await server?.stop();
    await server?.[Symbol.asyncDispose]();
  });

  test('by engine.php', () => isVersion(server, defaultVersion));

  test('opcache_get_status() counts hits, and a changed script is seen', async () => {
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
  });

  test('redis is always there, memcached where the pool asks for it', async () => {
    const have = `echo json_encode([class_exists('Redis'), class_exists('Memcached')]);`;
    assert.deepEqual(await json(server, have), [true, false]);
    assert.deepEqual(await json(server, have, { pool: 'more' }), [true, true]);
  });

  test('with cgi.fix_pathinfo = 0 PATH_INFO is the script of PHP_SELF', async () => {
    const params = { PATH_INFO: '/extra' };
    assert.deepEqual(
      await json(server, `echo json_encode([$_SERVER['PHP_SELF'], getenv('PHP_SELF')]);`, { params }),
      ['/extra', false],
    );
  });
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
    ...(missing === '' ? [] : [[`engine.php = ${missing}`, new RegExp(`hathi php add ${missing}`)] as const]),
    ['engine.php = 5.6', /cannot run PHP "5\.6" in the embedded engine: it has 8\.5, 8\.4/],
    ['engine = native', /\[pool www\] engine = native: the native engine is not built; run "hathi build"/],
  ];
  for (const [lines, reason] of cases) {
    assert.match(await start(lines, ['-F', '-O']), reason);
    // The test of the configuration finds it as well.
    assert.match(await start(lines, ['-t']), reason);
  }
  if (missing === '') return;
  const site = folder.write('site/index.php', '');
  const flags = ['serve', dirname(site), '--php', missing, '--port', '0', ...(isRoot ? ['-R'] : [])];
  const served = await runCommand(serverCommand(), flags, { cwd: folder.path });
  assert.match(
    served.stderr,
    /^hathi serve: \[pool serve\] the embedded PHP .* is not installed: run "hathi php add .*"\n$/,
  );
  assert.notEqual(served.code, 0);
});

/** The oldest and the newest PHP, as a user gets them: by npm, into a project of his own. */
const ends = ['7.4', '8.5'] as const;

/** Installs their packages, of the same release as the one that Hathi is developed with. */
async function installEnds(folder: TestFolder): Promise<void> {
  const { version } = JSON.parse(
    readFileSync(join(checkout, 'node_modules/@php-wasm/node-8-4/package.json'), 'utf8'),
  ) as { version: string };
  const packages = ends.map((end) => `@php-wasm/node-${end.replace('.', '-')}@${version}`);
  folder.write('package.json', '{ "private": true }');
  const result = await runCommand(
    'npm',
    ['install', '--no-audit', '--no-fund', '--loglevel=error', ...packages],
    {
      cwd: folder.path,
      // npm's own settings, such as the registry, are in the environment.
      env: process.env,
      cap: 120_000,
    },
  );
  assert.equal(result.code, 0, result.stderr);
}

test('PHP 7.4 and 8.5 by their npm packages, side by side with the default', async () => {
  using project = new TestFolder();
  await installEnds(project);
  const pools = ['8.4', ...ends].map((version) => ({ version, pool: `php${version.replace('.', '')}` }));
  await using server = await startServer({
    engine: 'embedded',
    pools: (folder) => {
      // Packages are looked for from the folder in which the master was started.
      symlinkSync(project.join('node_modules'), folder.join('node_modules'));
      return pools
        .map(({ version, pool }) =>
          poolText(
            folder,
            pool,
            `engine.php = ${version}\nphp_admin_value[user_agent] = mine\nphp_admin_value[memory_limit] = 32M\nphp_admin_value[opcache.file_update_protection] = 0\nphp_admin_flag[display_errors] = off\nphp_admin_value[error_log] = ${folder.join('log/php.log')}`,
          ),
        )
        .join('');
    },
  });
  for (const { version, pool } of pools) await battery(server, version, pool);
  await server.log.waitFor(/WARNING: \[pool php74\] PHP 7\.4\.\d+ gets no security fixes any more/);
  await server.stop();
});

/** Features that depend on the binary of a version: variables, ini values, OPcache, SQLite, uploads, endings. */
async function battery(server: Server, version: string, pool: string): Promise<void> {
  const options = { pool, params: { PATH_INFO: '/extra', HTTP_X_FOO: 'bar', QUERY_STRING: 'a[]=1' } };
  const [running, ...facts] = (await json(
    server,
    `$db = new PDO('sqlite::memory:');
    ob_start(); phpinfo(INFO_GENERAL); $page = ob_get_clean();
    echo json_encode([PHP_VERSION, PHP_SAPI, ini_get('user_agent'), $_SERVER['PATH_INFO'], getallheaders()['X-Foo'],
      $_GET, (string) $db->query('select 6 * 7')->fetchColumn(), fpm_get_status()['pool'],
      ini_set('user_agent', 'other'), preg_match('#Server API </td><td class="v">FPM/FastCGI#', $page)]);`,
    options,
  )) as [string, ...unknown[]];
  assert.match(running, new RegExp(`^${version.replace('.', '\\.')}\\.\\d+$`));
  assert.deepEqual(facts, ['fpm-fcgi', 'mine', '/extra', 'bar', { a: ['1'] }, '42', pool, false, 1], version);

  // Replacements of the build's own functions, methods and constants.
  assert.deepEqual(
    await json(
      server,
      `putenv('A=b'); $d = tempnam(sys_get_temp_dir(), 'v'); $h = fopen($d, 'r+'); $object = new SplFileObject($d, 'r+');
      $r = [PHP_OS_FAMILY, php_uname('s'), get_include_path(), glob('/etc/{passwd,group}', GLOB_BRACE), setlocale(LC_ALL, 'de_DE'), setlocale(LC_TIME, 'C.UTF-8'),
        bin2hex(iconv('UTF-8', 'UTF-16', 'a')), function_exists('chroot'), filter_input(INPUT_SERVER, 'PATH_INFO'), trim(shell_exec('echo $A')),
        ftruncate($h, 5 << 30), fstat($h)['size'], $object->ftruncate(3 << 30), fstat($h)['size'], link($d, "$d.l"), openssl_pkey_new() !== false,
        defined('ZipArchive::EM_AES_256'), ini_set('session.save_handler', 'redis'), ini_get('session.save_handler'), in_array('ssl', stream_get_transports())];
      unlink($d); unlink("$d.l"); echo json_encode($r);`,
      options,
    ),
    [
      ...['Linux', 'Linux', '.:/usr/share/php', ['/etc/passwd', '/etc/group'], false, 'C.UTF-8', 'fffe6100'],
      ...[
        false,
        '/extra',
        'b',
        true,
        5 * 2 ** 30,
        true,
        3 * 2 ** 30,
        true,
        true,
        false,
        'files',
        'redis',
        true,
      ],
    ],
    version,
  );

  const cached = `$c = opcache_get_configuration()['directives']; echo json_encode([$c['opcache.enable'], $c['opcache.file_cache_only'],
    $c['opcache.file_cache_only'] ? count(glob($c['opcache.file_cache'] . '/*/*')) > 0 : opcache_get_status()['opcache_statistics']['num_cached_scripts'] > 0]);`;
  await text(server, cached, { pool });
  // PHP 7.4 and 8.0 cannot have it in memory.
  assert.deepEqual(await json(server, cached, { pool }), [true, version === '7.4', true], version);

  const boundary = 'x123';
  const body = `--${boundary}\r\nContent-Disposition: form-data; name="f"; filename="a.bin"\r\n\r\n\0\xff\r\n--${boundary}--\r\n`;
  const upload = {
    REQUEST_METHOD: 'POST',
    CONTENT_TYPE: `multipart/form-data; boundary=${boundary}`,
    CONTENT_LENGTH: String(body.length),
  };
  const received = `echo json_encode([$_FILES['f']['name'], bin2hex(file_get_contents($_FILES['f']['tmp_name']))]);`;
  assert.deepEqual(
    await json(server, received, { pool, params: upload, body: Buffer.from(body, 'latin1') }),
    ['a.bin', '00ff'],
    version,
  );

  for (const fatal of ['echo nosuch();', 'str_repeat("x", 64 << 20);', 'function f() { f(); } f();']) {
    const reply = await run(server, fatal, { pool });
    assert.deepEqual([reply.status, reply.body.toString()], [500, ''], `${version}: ${fatal}`);
    assert.equal(await text(server, `echo 'alive';`, { pool }), 'alive', `${version} after ${fatal}`);
  }
}
