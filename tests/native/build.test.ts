/** Finding a PHP to build for, and a build to use: what is said when something is missing or out of date. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { suite, test } from 'node:test';
import { buildEngine, sourceFiles, sourceFolder, sourcesHash } from '../../src/engine/native/build.ts';
import { hostProgram, probeHost, requireSamePhp } from '../../src/engine/native/host-program.ts';
import { layoutHeader } from '../../src/engine/native/layout-header.ts';
import { findLibphp, libphpCandidates } from '../../src/engine/native/libphp.ts';
import { hostCommand, locateEngine } from '../../src/engine/native/locate.ts';
import { type RunPhpConfig, readPhpConfig } from '../../src/engine/native/php-config.ts';
import { statusFieldsHeader } from '../../src/engine/native/status-fields-header.ts';
import {
  type BuildRecord,
  engineFile,
  engineFolder,
  engineFolders,
  packagedFolder,
  recordFile,
  staleReason,
} from '../../src/engine/native/store.ts';
import { engineSymbolsHeader } from '../../src/scoreboard/engine-symbols.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { phpConfig, requires } from '../harness/debian.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { cleanEnv, run } from '../harness/server.ts';
import { nativeBuild } from './built-engine.ts';

const { skip } = nativeBuild();

/** A php-config with headers of its own in the folder. */
function fakePhp(
  folder: TestFolder,
  version: string,
  config = '',
  told = `PHP ${version} (cli) (built: Jan  1 2026 00:00:00) (NTS)\nZend Engine`,
): RunPhpConfig {
  folder.write('include/Zend/zend_modules.h', '#define ZEND_MODULE_API_NO 20220829\n');
  folder.write('include/main/php_config.h', config);
  const answers: Readonly<Record<string, string>> = {
    '--version': version,
    '--includes': `-I${folder.join('include')}`,
    '--php-binary': folder.write('php', '', 0o755),
    '--ini-path': folder.mkdir('etc/cli'),
    '--ini-dir': '',
  };
  return (command, option) =>
    command === answers['--php-binary'] ? told : command === 'php-config8.2' ? answers[option] : undefined;
}

/** Writes down a build of a PHP that the folder holds. */
function record(folder: TestFolder, api: string, more: Partial<BuildRecord> = {}): void {
  const host = folder.write(`host-${api}`, '');
  const whole: BuildRecord = {
    php: '8.2.1',
    api,
    host,
    builtAt: 0,
    iniFolder: '',
    scanFolder: '',
    sources: sourcesHash(),
    ...more,
  };
  const file = engineFile(folder.path, api);
  folder.write(file.slice(folder.path.length + 1), '');
  folder.write(recordFile(file).slice(folder.path.length + 1), JSON.stringify(whole));
}

suite('php-config', () => {
  test('the first of the usual names is taken, and Debian’s folder of php-fpm', () => {
    using folder = new TestFolder();
    const run = fakePhp(folder, '8.2.36');
    const own = folder.mkdir('etc/fpm');
    const php = readPhpConfig(undefined, run);
    assert.deepEqual([php.version, php.api, php.iniFolder, php.scanFolder], ['8.2.36', '20220829', own, '']);
  });

  for (const [name, version, config, message] of [
    [
      'thread-safe',
      '8.2.1',
      '#define ZTS 1\n',
      /PHP 8\.2\.1: it is a thread-safe \(ZTS\) build; take the php-config/,
    ],
    ['debug', '8.2.1', '#define ZEND_DEBUG 1\n', /it is a debug build/],
    ['too old', '8.0.30', '', /it needs 8\.1 or newer; older ones run with engine = embedded/],
    [
      'without headers',
      '8.2.1',
      undefined,
      /headers of PHP 8\.2\.1 are missing.*apt-get install php8\.2-dev/,
    ],
  ] as const) {
    test(`a PHP that is ${name} is refused by name`, () => {
      using folder = new TestFolder();
      const run = fakePhp(folder, version, config ?? '');
      const bare: RunPhpConfig = (command, option) =>
        option === '--includes' && config === undefined ? '-I/no/such/folder' : run(command, option);
      assert.throws(() => readPhpConfig('php-config8.2', bare), message);
    });
  }

  for (const [name, told, message] of [
    [
      'of another version',
      'PHP 8.4.28 (cli) (built: x) (NTS)',
      /"\S+\/php", which "php-config8\.2" names, is PHP 8\.4\.28; take the php-config of that one/,
    ],
    ['thread-safe', 'PHP 8.2.1 (cli) (built: x) (ZTS)', /"\S+\/php" is a thread-safe \(ZTS\) build/],
    ['thread-safe, for debugging', 'PHP 8.2.1 (cli) (built: x) (ZTS DEBUG)', /thread-safe \(ZTS\) build/],
    ['something else', 'Python 3.11', /"\S+\/php" is no PHP that runs here: "Python 3\.11" is its version/],
  ] as const) {
    test(`a PHP program that is ${name} is refused by name`, () => {
      using folder = new TestFolder();
      assert.throws(() => readPhpConfig('php-config8.2', fakePhp(folder, '8.2.1', '', told)), message);
    });
  }

  test('a release later than the headers, and warnings before the version, are no reason to refuse', () => {
    using folder = new TestFolder();
    const told = 'PHP Warning:  PHP Startup: no\nPHP 8.2.99 (cli) (built: x) (NTS gcc x86_64)\n';
    assert.equal(readPhpConfig('php-config8.2', fakePhp(folder, '8.2.1', '', told)).version, '8.2.1');
  });

  test('a program for another kind of processor is refused by name, and so is what is no php-config', () => {
    using folder = new TestFolder();
    const fake = fakePhp(folder, '8.2.1');
    // The head of an ELF file for a machine that there is not.
    const foreign = folder.write('foreign', '\x7fELF\x02\x01\x01'.padEnd(64, '\x00'), 0o755);
    assert.throws(
      () =>
        readPhpConfig('php-config8.2', (command, option) =>
          option === '--php-binary' ? foreign : fake(command, option),
        ),
      /for PHP 8\.2\.1: "\S+\/foreign" is a program for another kind of processor/,
    );
    assert.throws(() => readPhpConfig('/bin/echo'), /"\/bin\/echo" is no php-config: "echo /);
  });

  test('a PHP program that is not there names the package', () => {
    using folder = new TestFolder();
    const fake = fakePhp(folder, '8.2.1');
    assert.throws(
      () =>
        readPhpConfig('php-config8.2', (command, option) =>
          option === '--php-binary' ? '/no/such/php' : fake(command, option),
        ),
      /program "\/no\/such\/php" that "php-config8\.2" names is missing.*"apt-get install php8\.2-cli".*"apk add php82"/,
    );
  });

  test('a missing php-config names the packages', () => {
    assert.throws(
      () => readPhpConfig('php-config8.4', () => undefined),
      /no program "php-config8\.4".*"apt-get install php8\.4-dev".*"apk add php84-dev".*"dnf install php-devel"/,
    );
  });
});

suite('the compiler', () => {
  for (const [name, script, message] of [
    [
      'is missing',
      undefined,
      /the C compiler "\S+\/cc" is missing\. Install one: "apt-get install gcc libc6-dev"/,
    ],
    [
      'has no headers of the C library',
      '#!/bin/sh\necho "x.c:1:10: fatal error: stdio.h: No such file or directory" >&2; exit 1\n',
      /fatal error: stdio\.h: No such file.*A header is missing.*"apt-get install libc6-dev"/s,
    ],
  ] as const) {
    test(`${name}: the message names the package`, () => {
      using folder = new TestFolder();
      const php = readPhpConfig('php-config8.2', fakePhp(folder, '8.2.1'));
      const before = process.env['CC'];
      process.env['CC'] = script === undefined ? folder.join('cc') : folder.write('cc', script, 0o755);
      try {
        assert.throws(() => buildEngine(php, folder.join('engines')), message);
      } finally {
        if (before === undefined) delete process.env['CC'];
        else process.env['CC'] = before;
      }
    });
  }
});

suite('built engines', () => {
  test('the newest PHP, or the one that is asked for', () => {
    using folder = new TestFolder();
    record(folder, '20220829');
    record(folder, '20240924', { php: '8.4.10' });
    const versionOf = (version?: string): string | undefined => {
      const located = locateEngine(version, [folder.path]);
      return 'engine' in located ? located.engine.record.php : undefined;
    };
    assert.deepEqual([versionOf(), versionOf('8.2'), versionOf('8.3')], ['8.4.10', '8.2.1', undefined]);
  });

  test('one that does not fit any more says why and what to do', () => {
    using folder = new TestFolder();
    const missing = (version?: string): string => {
      const located = locateEngine(version, [folder.path]);
      return 'missing' in located ? located.missing : '';
    };
    assert.equal(missing(), 'the native engine is not built; run "hathi build"');
    record(folder, '20220829');
    assert.match(missing('8.4'), /for PHP 8\.4 is not built \(there is one for PHP 8\.2\.1\)/);
    record(folder, '20220829', { sources: 'other' });
    assert.match(missing(), /was built from other sources/);
    record(folder, '20220829', { host: '/no/such/php' });
    assert.match(missing(), /"\/no\/such\/php" is not there any more/);
  });

  test('a path that the loader would split is refused', () => {
    const engine = { file: '/a b/x.so', record: {} as BuildRecord };
    assert.throws(() => hostCommand(engine, 'x'), /set HATHI_ENGINE_DIR to a folder without/);
  });

  test('root builds for the machine, others for themselves; who has none takes the machine’s', () => {
    assert.equal(engineFolder({}, 0), '/var/lib/hathi/engines');
    assert.equal(engineFolder({ XDG_CACHE_HOME: '/c' }, 1000), '/c/hathi/engines');
    assert.equal(engineFolder({ HATHI_ENGINE_DIR: '/d' }, 0), '/d');
    assert.deepEqual(engineFolders({}, 0), ['/var/lib/hathi/engines', packagedFolder]);
    assert.deepEqual(engineFolders({ XDG_CACHE_HOME: '/c' }, 1000), [
      '/c/hathi/engines',
      '/var/lib/hathi/engines',
      packagedFolder,
    ]);
    assert.deepEqual(engineFolders({ HATHI_ENGINE_DIR: '/d' }, 1000), ['/d']);
  });
});

test('native/record/layout.h is what the layout says', () => {
  assert.equal(readFileSync(join(sourceFolder, 'record/layout.h'), 'utf8'), layoutHeader());
});

test('native/record/status_fields.h is what the fields of the status page say', () => {
  assert.equal(readFileSync(join(sourceFolder, 'record/status_fields.h'), 'utf8'), statusFieldsHeader());
});

test('native/php/symbols.h is what the symbols say', () => {
  assert.equal(readFileSync(join(sourceFolder, 'php/symbols.h'), 'utf8'), engineSymbolsHeader());
});

test('native/README.md has every file in the row of its room, and no other', () => {
  const page = readFileSync(join(sourceFolder, 'README.md'), 'utf8');
  const listed = [...page.matchAll(/^\| `(\w+)\/` \| (.+) \|$/gm)].flatMap(([, room, files]) =>
    [...files!.matchAll(/`(\w+)`/g)].map(([, name]) => `${room}/${name}.c`),
  );
  const present = sourceFiles().map((file) => relative(sourceFolder, file));
  assert.deepEqual(listed.sort(), present);
});

suite('the program that hosts an engine', { skip }, () => {
  const { folder } = nativeBuild();

  test('says which PHP it is; a program that the engine cannot be preloaded into says nothing', () => {
    const located = locateEngine(undefined, [folder]);
    assert.ok('engine' in located);
    const { file, record: build } = located.engine;
    const probed = probeHost(hostProgram(file, build));
    assert.ok(probed !== undefined);
    assert.ok(probed.hostedBy.startsWith(`PHP ${build.php} (API${build.api},NTS`), JSON.stringify(probed));
    assert.equal(requireSamePhp(probed, build.host), true);
    for (const host of ['/bin/true', '/no/such/php'])
      assert.equal(probeHost(hostProgram(file, { host })), undefined);
  });

  test('another PHP than that of the headers is refused by name', () => {
    const probed = { builtFor: 'PHP 8.2.36 (API20220829,NTS)', hostedBy: 'PHP 8.2.36 (API20220829,TS)' };
    assert.throws(
      () => requireSamePhp(probed, '/usr/bin/php'),
      /in "\/usr\/bin\/php": it is PHP 8\.2\.36 \(API20220829,TS\), the headers are of .*NTS\); name the php-config/,
    );
  });

  test('a missing libphp names the package', () => {
    using empty = new TestFolder();
    const php = { ...readPhpConfig(undefined), version: '8.9.1', prefix: empty.path };
    const hasPlain = existsSync('/usr/lib/libphp.so');
    if (hasPlain) assert.equal(libphpCandidates(php)[0], empty.join('lib/libphp8.9.so'));
    else assert.throws(() => findLibphp(php), /"apt-get install libphp8\.9-embed"/);
  });
});

suite('hathi build --host=libphp', { skip: skip || requires('libphp-embed') }, () => {
  test('links a program that serves like the preloaded one, and is stale with its library', async () => {
    using folder = new TestFolder('hathi-engine-');
    const engine = buildEngine(readPhpConfig(phpConfig), folder.path, { hosting: 'libphp' });
    assert.match(engine.record.linked?.library ?? '', /libphp8\.\d\.so$/);
    const command = hostCommand(engine, 'php-fpm: host for www');
    assert.equal(command[0], engine.record.linked?.program);
    await using master = await FakeMaster.serving({ command, slots: 1 });
    master.folder.write('sapi.php', '<?php echo PHP_SAPI, " ", PHP_VERSION;');
    assert.equal((await master.get('sapi.php')).body, `fpm-fcgi ${engine.record.php}`);
    const linked = { program: engine.record.linked?.program ?? '', library: '/no/such/libphp.so' };
    assert.match(
      staleReason({ ...engine, record: { ...engine.record, linked } }, sourcesHash()) ?? '',
      /its library "\/no\/such\/libphp\.so" is not there any more/,
    );
  });
});

suite('hathi build', { skip }, () => {
  test('builds once, then finds it up to date; a wrong php-config is an error', async () => {
    using folder = new TestFolder();
    const env = cleanEnv({ HATHI_ENGINE_DIR: folder.path });
    const script = `import { buildCommand } from '${join(checkout, 'src/cli/build.ts')}'; process.exitCode = await buildCommand(process.argv.slice(1));`;
    const build = (...args: string[]) =>
      run(process.execPath, ['--input-type=module', '-e', script, '--', ...args], { env });
    const first = await build();
    assert.match(
      first.stdout,
      /^Built the native engine for PHP \d+\.\d+\.\d+\S* \(\S+\) in \d+\.\d s: \S+\.so\n$/,
    );
    assert.ok(existsSync(first.stdout.trim().split(' ').at(-1) ?? ''));
    assert.match((await build()).stdout, /is up to date/);
    const wrong = await build('--php-config', '/no/such/php-config9.9');
    assert.deepEqual([wrong.code, wrong.stdout], [70, '']);
    assert.match(wrong.stderr, /^hathi build: Cannot build the native engine: there is no program/);
    assert.equal((await build('--nonsense')).code, 64);
  });
});
