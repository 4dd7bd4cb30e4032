/** Settings of a pool by php_value and php_admin_value that PHP reads at its start, and its extensions. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { TemplateProcess } from '../../src/generation/template-process.ts';
import { FakeMaster, type FakeMasterOptions } from '../embedded/fake-master.ts';
import { requires } from '../harness/debian.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { isRoot, startServer } from '../harness/server.ts';
import { nativeBuild, testedConfig } from './built-engine.ts';
import { identity } from './identity.ts';

const { command, template: templateProgram, skip } = nativeBuild();

type Setting = readonly [string, string];
const admin = (name: string, value: string): Setting => ['php_admin_value', `${name}=${value}`];

const extensionFolder = skip
  ? ''
  : execFileSync(testedConfig() ?? 'php-config', ['--extension-dir'], { encoding: 'utf8' }).trim();

const missing = (...names: string[]): string | false => {
  const absent = names.filter((name) => !existsSync(join(extensionFolder, `${name}.so`)));
  return skip || (absent.length > 0 && `no extension ${absent.join(', ')}`);
};

async function answer(
  settings: readonly Setting[],
  code: string,
  template?: TemplateProcess,
): Promise<unknown> {
  await using master = await FakeMaster.serving({ command, template, slots: 1, settings });
  master.folder.write('ask.php', `<?php ${code}`);
  return JSON.parse((await master.get('ask.php')).body);
}

suite('extensions of a pool', () => {
  const orders: readonly (readonly string[])[] = [
    // By symbols.
    ['pdo', 'pdo_sqlite'],
    ['pdo_sqlite', 'pdo'],
    // By what they say that they need.
    ['dom', 'xsl'],
    ['xsl', 'dom'],
    // One that is not there keeps nobody from the others.
    ['no_such_extension', 'xsl', 'shmop', 'dom'],
  ];
  for (const names of orders) {
    const there = names.filter((name) => name !== 'no_such_extension');
    test(`${names.join(', ')}`, { skip: missing(...there) }, async () => {
      const code = `echo json_encode(array_map('extension_loaded', ${JSON.stringify(there)}));`;
      const settings = names.map((name) => admin('extension', name));
      assert.deepEqual(await answer(settings, code), Array(there.length).fill(true));
    });
  }

  test('in both lists, and a value that one of them reads at its start', {
    skip: missing('pdo', 'pdo_sqlite', 'phar'),
  }, async () => {
    const settings: Setting[] = [
      ['php_value', 'extension=pdo_sqlite'],
      admin('extension', 'pdo'),
      admin('phar.readonly', '0'),
      admin('extension', 'phar'),
    ];
    const code =
      'echo json_encode([PDO::getAvailableDrivers(), Phar::canWrite(), get_cfg_var("phar.readonly"), @ini_set("phar.readonly", "1")]);';
    assert.deepEqual(await answer(settings, code), [['sqlite'], true, false, false]);
  });
});

for (const start of ['exec', 'fork'] as const)
  suite(`OPcache of a pool, ${start}`, { skip: skip || missing('opcache') }, () => {
    const opcache: Setting = ['php.define', `zend_extension=${join(extensionFolder, 'opcache.so')}`];

    let template: TemplateProcess | undefined;
    before(() => {
      if (start === 'exec') return;
      template = new TemplateProcess({
        command: templateProgram,
        settings: [opcache],
        env: process.env,
        onEvent: () => {},
      });
    });
    after(() => template?.close());

    /** A pool of an OPcache of its own, started as a master of that user starts it. */
    const withOpcache = (settings: readonly Setting[]): FakeMasterOptions => ({
      command,
      template,
      slots: 1,
      settings: [...identity(), opcache, ...settings],
    });

    test('its size, and that it is off', async () => {
      const code =
        '$s = opcache_get_status(false); echo json_encode(!($s["opcache_enabled"] ?? false) ? false : ($s["memory_usage"]["used_memory"] + $s["memory_usage"]["free_memory"]) >> 20);';
      const sizes = [];
      for (const value of [
        admin('opcache.memory_consumption', '16'),
        ['php_value', 'opcache.memory_consumption=24'] as const,
        admin('opcache.enable', '0'),
      ]) {
        sizes.push(await answer([opcache, value], code, template));
      }
      assert.deepEqual(sizes, [16, 24, false]);
    });

    test('a script is preloaded, by the pool’s user where nothing else is said', async () => {
      using folder = new TestFolder();
      const trace = join(folder.mkdir('out', 0o777), 'user');
      const script = folder.write(
        'preload.php',
        `<?php function preloaded() { return "preloaded"; } copy("/proc/self/status", ${JSON.stringify(trace)});`,
      );
      const code =
        '<?php echo function_exists("preloaded") ? preloaded() : "nothing", json_encode(get_cfg_var("opcache.preload"));';
      for (const [user, uid] of isRoot
        ? ([
            [[], 33],
            [[admin('opcache.preload_user', 'nobody')], 65534],
          ] as const)
        : ([[[], process.getuid?.()]] as const)) {
        await using master = await FakeMaster.serving(
          withOpcache([admin('opcache.preload', script), ...user]),
        );
        master.folder.write('ask.php', code);
        for (let request = 0; request < 2; request++)
          assert.equal((await master.get('ask.php')).body, 'preloadedfalse');
        assert.equal(Number(/^Uid:\s+(\d+)/m.exec(readFileSync(trace, 'utf8'))?.[1]), uid);
        execFileSync('rm', [trace]);
      }
    });

    test('one that cannot be preloaded refuses the pool, with PHP’s own words', async () => {
      using folder = new TestFolder();
      const broken = folder.write('broken.php', '<?php function (');
      for (const [script, words] of [
        [broken, /Parse error.*broken\.php/],
        [folder.join('none.php'), /Failed opening required/],
      ] as const) {
        await using master = new FakeMaster(withOpcache([admin('opcache.preload', script)]));
        const { reason } = await master.nextOf('failed');
        assert.match(reason, /PHP could not be started/);
        assert.equal(await master.exitCode(), 70);
        assert.match(master.chatter, words);
      }
    });
  });

suite('a pool’s values below a master', { skip: skip || missing('opcache', 'phar') }, () => {
  for (const start of ['fork', 'exec']) {
    test(`what PHP reads when it starts, engine.start = ${start}`, async () => {
      await using server = await startServer({
        engine: 'native',
        args: ['-n', '-d', `zend_extension=${join(extensionFolder, 'opcache.so')}`],
        pools: (to) => {
          const script = to.write('preload.php', '<?php function preloaded() { return 1; }');
          const lines = [
            `engine.start = ${start}`,
            'php_admin_value[extension] = phar',
            'php_admin_value[phar.readonly] = 0',
            'php_admin_value[opcache.memory_consumption] = 16',
            `php_admin_value[opcache.preload] = ${script}`,
          ];
          return poolText(to, 'own', lines.join('\n')) + poolText(to, 'other', `engine.start = ${start}`);
        },
      });
      const script = server.folder.write(
        'www/ask.php',
        '<?php $s = opcache_get_status(false)["memory_usage"]; echo json_encode([($s["used_memory"] + $s["free_memory"]) >> 20, function_exists("preloaded"), class_exists("Phar") && Phar::canWrite(), get_loaded_extensions(true)]);',
      );
      const ask = async (pool: string): Promise<unknown> =>
        JSON.parse((await request(server.socket(pool), scriptParams(script))).body.toString());
      assert.deepEqual(await ask('own'), [16, true, true, ['Zend OPcache']]);
      assert.deepEqual(await ask('other'), [128, false, false, ['Zend OPcache']]);
      await server.stop();
    });
  }
});

suite('the folder of php.ini', { skip: skip || requires('php-fpm') }, () => {
  test('is that of PHP-FPM, not that of the program which hosts the engine', async () => {
    const folder = execFileSync(testedConfig() ?? 'php-config', ['--ini-path'], { encoding: 'utf8' })
      .trim()
      .replace(/\/cli$/, '/fpm');
    const code =
      'ob_start(); phpinfo(INFO_GENERAL); preg_match("~php.ini. Path </td><td class=.v.>(.*?) ?</td>~", ob_get_clean(), $m); echo json_encode([PHP_CONFIG_FILE_PATH, PHP_CONFIG_FILE_SCAN_DIR, $m[1]]);';
    assert.deepEqual(await answer([], code), [folder, `${folder}/conf.d`, folder]);
  });
});
