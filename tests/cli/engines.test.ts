/** Which engine `-t` names for a pool, and what it says where that is not the native one of the folder's PHP. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { versionOfFolder } from '../../src/config/php-folder.ts';
import { listEngines } from '../../src/engine/native/store.ts';
import { requires, testedPhp } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { type CommandResult, cleanEnv, run, serverCommand } from '../harness/server.ts';
import { nativeBuild } from '../native/built-engine.ts';

const folders: readonly (readonly [string, string | undefined])[] = [
  ['/etc/php/8.2/fpm/php-fpm.conf', '8.2'],
  ['/etc/php/8.10/fpm/pool.d/www.conf', '8.10'],
  ['/etc/php83/php-fpm.conf', '8.3'],
  ['/etc/php810/php-fpm.d/www.conf', '8.10'],
  ['/etc/php/fpm/php-fpm.conf', undefined],
  ['/etc/php/8.2', undefined],
  ['/etc/php-fpm.conf', undefined],
  ['/etc/php/8.2-old/php-fpm.conf', undefined],
  ['/srv/etc/php/8.2/fpm/php-fpm.conf', undefined],
];

for (const [file, version] of folders) {
  test(`${file} is in the folder of ${version ?? 'no PHP'}`, () =>
    assert.equal(versionOfFolder(file), version));
}

const poolText = (folder: string, lines = '', name = 'www') =>
  `[${name}]\nuser = www-data\nlisten = ${folder}/${name}.sock\npm = static\npm.max_children = 1\n${lines}\n`;

const globalText = (folder: string) => `[global]\nerror_log = ${folder}/error.log\n`;

const tested = (args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<CommandResult> =>
  run(serverCommand('hathi'), args, { env: cleanEnv(env), cwd });

const noEngine = { HATHI_ENGINE_DIR: '/nonexistent' };

suite('a configuration outside of the folders of PHP', () => {
  test('engine and version of each pool are named, with one warning for each that quietly runs embedded', async () => {
    using folder = new TestFolder();
    const text =
      globalText(folder.path) +
      poolText(folder.path) +
      poolText(folder.path, 'engine = embedded', 'wanted') +
      poolText(folder.path, 'engine.php = 8.4', 'other');
    const { code, stderr } = await tested(
      ['-t', '-y', folder.write('fpm.conf', text)],
      noEngine,
      folder.path,
    );
    assert.equal(code, 0, stderr);
    for (const pool of ['www', 'wanted', 'other']) {
      assert.match(stderr, new RegExp(`^ {2}\\[pool ${pool}\\] PHP 8\\.4\\.\\d+, embedded engine`, 'm'));
    }
    const warnings = stderr.split('\n').filter((line) => line.includes('WARNING: '));
    assert.deepEqual(
      warnings.map(
        (line) => /\[pool (\w+)\] engine = auto: the native engine.*run "hathi build"/.exec(line)?.[1],
      ),
      ['www', 'other'],
    );
    assert.match(stderr, /test is successful\n$/);
  });

  test('an engine that is not there is refused by test and start alike, each pool by its line', async () => {
    using folder = new TestFolder();
    const text =
      globalText(folder.path) +
      poolText(folder.path, 'engine = native') +
      poolText(folder.path, 'engine = embedded\nengine.php = 7.3', 'old') +
      poolText(folder.path, 'engine = native\nengine.php = 8.9', 'new');
    const file = folder.write('fpm.conf', text);
    for (const flag of ['-t', '-tt', '-F']) {
      const { code, stderr } = await tested([flag, '-y', file], noEngine, folder.path);
      assert.equal(code, 78, stderr);
      assert.match(stderr, /ERROR: \[pool www\] engine = native: the native engine is not built/);
      assert.match(stderr, /ERROR: \[pool old\] cannot run PHP "7\.3"/);
      assert.match(
        stderr,
        /ERROR: \[pool new\] engine = native: the native engine for PHP 8\.9 is not built/,
      );
      assert.match(stderr, /^ {2}.*fpm\.conf:\d+: engine\.php = 8\.9$/m);
    }
  });
});

/** A folder of Debian's PHP for the time of a test. */
class PhpFolder implements Disposable {
  readonly path = mkdtempSync(`/etc/php/${testedPhp}/hathi-test-`);

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

suite('a configuration in the folder of a PHP', {
  skip: requires('root', 'php-fpm') || nativeBuild().skip,
  concurrency: 2,
}, () => {
  const refusal = new RegExp(
    `ERROR: \\[pool www\\] engine = auto: the native engine for PHP ${testedPhp.replace('.', '\\.')} is not built.*run "hathi build"`,
  );
  const ours = { HATHI_ENGINE_DIR: nativeBuild().folder };

  test('without a native engine of that PHP it is refused, at the test and at the start', async () => {
    using folder = new TestFolder();
    using php = new PhpFolder();
    writeFileSync(join(php.path, 'fpm.conf'), globalText(folder.path) + poolText(folder.path));
    for (const args of [['-t'], ['-tt'], ['-F']]) {
      const { code, stderr } = await tested(
        [...args, '-y', join(php.path, 'fpm.conf')],
        noEngine,
        folder.path,
      );
      assert.equal(code, 78, stderr);
      assert.match(stderr, refusal);
    }
    const relative = await tested(['-t', '-y', 'fpm.conf'], noEngine, php.path);
    assert.equal(relative.code, 78, relative.stderr);
  });

  test('so is a link to it, and a pool of it that another file includes', async () => {
    using folder = new TestFolder();
    using php = new PhpFolder();
    writeFileSync(join(php.path, 'fpm.conf'), globalText(folder.path) + poolText(folder.path));
    symlinkSync(join(php.path, 'fpm.conf'), folder.join('link.conf'));
    writeFileSync(join(php.path, 'pool.conf'), poolText(folder.path));
    folder.write(
      'main.conf',
      `${globalText(folder.path)}include = ${join(php.path, 'pool.conf')}\n${poolText(folder.path, '', 'own')}`,
    );
    for (const name of ['link.conf', 'main.conf']) {
      const { code, stderr } = await tested(['-t', '-y', folder.join(name)], noEngine, folder.path);
      assert.equal(code, 78, stderr);
      assert.match(stderr, refusal);
      assert.doesNotMatch(stderr, /ERROR: \[pool own\]/);
    }
  });

  test("engine = embedded is the operator's word", async () => {
    using folder = new TestFolder();
    using php = new PhpFolder();
    const text = globalText(folder.path) + poolText(folder.path, 'engine = embedded');
    writeFileSync(join(php.path, 'fpm.conf'), text);
    const { code, stderr } = await tested(['-t', '-y', join(php.path, 'fpm.conf')], noEngine, folder.path);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /WARNING|ERROR/);
  });

  test('of several builds it takes that of its folder, elsewhere the newest counts', async () => {
    using folder = new TestFolder();
    using php = new PhpFolder();
    const engines = folder.mkdir('engines');
    cpSync(nativeBuild().folder, engines, { recursive: true });
    const [own] = listEngines(engines);
    assert.ok(own);
    cpSync(own.file, join(engines, 'hathi-engine-99999999.so'));
    folder.write(
      'engines/hathi-engine-99999999.json',
      JSON.stringify({ ...own.record, php: '8.99.1', api: '99999999' }),
    );
    const text = globalText(folder.path) + poolText(folder.path);
    writeFileSync(join(php.path, 'fpm.conf'), text);
    const env = { HATHI_ENGINE_DIR: engines };
    const inFolder = await tested(['-t', '-y', join(php.path, 'fpm.conf')], env, folder.path);
    assert.match(inFolder.stderr, new RegExp(`\\[pool www\\] PHP ${testedPhp}\\.\\d+\\S*, native engine`));
    const elsewhere = await tested(['-t', '-y', folder.write('fpm.conf', text)], env, folder.path);
    assert.match(elsewhere.stderr, /\[pool www\] PHP 8\.99\.1, native engine/);
    writeFileSync(join(php.path, 'fpm.conf'), `${text}engine.php = 8.99\n`);
    const directed = await tested(['-t', '-y', join(php.path, 'fpm.conf')], env, folder.path);
    assert.match(directed.stderr, /\[pool www\] PHP 8\.99\.1, native engine/);
  });

  test('with it the test names the engine and its file, and has no warning', async () => {
    using folder = new TestFolder();
    using php = new PhpFolder();
    writeFileSync(join(php.path, 'fpm.conf'), globalText(folder.path) + poolText(folder.path));
    const { code, stderr } = await tested(['-t', '-y', join(php.path, 'fpm.conf')], ours, folder.path);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^ {2}\[pool www\] PHP [\d.]+\S*, native engine \/.*hathi-engine-\d+\.so$/m);
    assert.doesNotMatch(stderr, /WARNING|ERROR/);
  });
});
