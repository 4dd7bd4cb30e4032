/** `-t` asks the engines whether they know and take the ini values of the pools. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { TestFolder } from '../harness/folder.ts';
import { type CommandResult, cleanEnv, run, serverCommand } from '../harness/server.ts';
import { nativeBuild } from '../native/built-engine.ts';

const engines = [
  { name: 'embedded', php: '8\\.4', skip: false, env: {} },
  {
    name: 'native',
    php: '\\d+\\.\\d+',
    skip: nativeBuild().skip,
    env: { HATHI_ENGINE_DIR: nativeBuild().folder },
  },
] as const;

const poolText = (folder: TestFolder, name: string, lines: string): string =>
  `[${name}]\nuser = www-data\nlisten = ${folder.join(`${name}.sock`)}\npm = static\npm.max_children = 1\n${lines}\n`;

for (const { name: engine, php, skip, env } of engines) {
  const tested = (
    folder: TestFolder,
    pools: string,
    flags: readonly string[] = ['-t'],
  ): Promise<CommandResult> => {
    const file = folder.write('fpm.conf', `[global]\nerror_log = ${folder.join('error.log')}\n${pools}`);
    return run(serverCommand('hathi'), [...flags, '-y', file], { env: cleanEnv(env), cwd: folder.path });
  };
  const withEngine = (folder: TestFolder, name: string, lines: string): string =>
    poolText(folder, name, `engine = ${engine}\n${lines}`);
  const problems = (stderr: string, level: string): string[] =>
    stderr.split('\n').flatMap((line) => line.split(`] ${level}: `).slice(1));

  suite(`${engine} engine`, { skip, concurrency: 2 }, () => {
    const refused: readonly (readonly [string, RegExp])[] = [
      [
        'php_admin_value[memory_limit] = 1MB',
        new RegExp(`^\\[pool www\\] PHP ${php}\\S* refuses php_admin_value\\[memory_limit\\]: .*1MB`),
      ],
      ['php_value[date.timezone] = Mars/Base', /refuses php_value\[date\.timezone\]: .*Mars\/Base/],
      ['php_admin_value[nosuch] = 1', /^\[pool www\] Unable to set php_admin_value 'nosuch'$/],
      ['php_flag[display_error] = on', /^\[pool www\] Unable to set php_value 'display_error'$/],
      ['php_value[session.save_pth] = /tmp', /^\[pool www\] Unable to set php_value 'session\.save_pth'$/],
      ['php_value[sesion.save_path] = /tmp', /^\[pool www\] Unable to set php_value 'sesion\.save_path'$/],
    ];

    test('what PHP does not know or take is refused, all of it at once, with what was meant', async () => {
      using folder = new TestFolder();
      const lines = refused.map(([line]) => line).join('\n');
      // The one start of an embedded PHP is dear, and what asks it is the same for both.
      for (const flag of engine === 'native' ? ['-t', '-tt'] : ['-tt']) {
        const { code, stderr } = await tested(folder, withEngine(folder, 'www', lines), [flag]);
        assert.equal(code, 78, stderr);
        const errors = problems(stderr, 'ERROR');
        for (const [line, says] of refused)
          assert.ok(
            errors.some((error) => says.test(error)),
            `${line}:\n${stderr}`,
          );
        assert.equal(errors.length, refused.length + 1, stderr);
        assert.match(
          stderr,
          /^ {2}php_value\[display_error\] in the section \[www\] of .*: did you mean 'display_errors'\?$/m,
        );
      }
    });

    test('what it takes with a remark, and what may be of an extension that is not loaded, is a warning', async () => {
      using folder = new TestFolder();
      const lines =
        'php_value[upload_max_filesize] = 10MB\nphp_admin_value[newrelic.appname] = shop\nphp_value[suhosin.get.max_vars] = 9';
      const { code, stderr } = await tested(folder, withEngine(folder, 'www', lines));
      assert.equal(code, 0, stderr);
      const warnings = problems(stderr, 'WARNING').join('\n');
      assert.match(
        warnings,
        /says of php_value\[upload_max_filesize\]: Invalid "upload_max_filesize" setting.*"10MB"/,
      );
      assert.match(
        warnings,
        /Unable to set php_admin_value 'newrelic\.appname': no extension that is loaded has it/,
      );
      assert.match(warnings, /Unable to set php_value 'suhosin\.get\.max_vars': no extension/);
      assert.match(stderr, /test is successful\n$/);
    });

    test('what PHP takes at its start only is not refused', async () => {
      using folder = new TestFolder();
      const lines =
        'php_admin_flag[opcache.enable] = on\nphp_admin_value[opcache.memory_consumption] = 64\n' +
        'php_admin_value[opcache.max_accelerated_files] = 20000\nphp_admin_value[opcache.jit_buffer_size] = 8M';
      const { code, stderr } = await tested(folder, withEngine(folder, 'www', lines));
      assert.equal(code, 0, stderr);
    });

    test('what is right has no remark, and no pool is in the way of another', async () => {
      using folder = new TestFolder();
      const right = [
        'php_admin_value[memory_limit] = 64M\nphp_admin_value[open_basedir] = /nonexistent\nphp_admin_flag[log_errors] = on',
        'php_admin_value[memory_limit] = -1\nphp_value[session.save_path] = /tmp\nphp_value[date.timezone] = Europe/Berlin',
        'php_admin_value[disable_functions] = exec,system\nphp_value[error_reporting] = 0\nphp_value[precision] = 5',
      ];
      const pools = right.map((lines, index) => withEngine(folder, `pool${index}`, lines)).join('');
      const { code, stderr } = await tested(folder, pools);
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /WARNING|ERROR/);
      const wrong = withEngine(folder, 'last', 'php_value[memory_limitt] = 1M');
      const mixed = await tested(folder, pools + wrong);
      assert.equal(mixed.code, 78);
      assert.deepEqual(problems(mixed.stderr, 'ERROR').length, 2, mixed.stderr);
      assert.match(mixed.stderr, /ERROR: \[pool last\] Unable to set php_value 'memory_limitt'/);
    });

    test('an extension of php.ini that cannot be loaded is named, one that can is not', async () => {
      using folder = new TestFolder();
      const ini = folder.write('php.ini', 'extension=nosuchextension.so\nprecision=5\n');
      const { code, stderr } = await tested(folder, withEngine(folder, 'www', ''), ['-t', '-c', ini]);
      assert.equal(code, 0, stderr);
      const warnings = problems(stderr, 'WARNING');
      assert.equal(warnings.length, 1, stderr);
      assert.match(warnings[0] ?? '', new RegExp(`^PHP ${php}\\S*, php\\.ini: .*nosuchextension`));
    });
  });
}

suite('the native engine', { skip: nativeBuild().skip }, () => {
  test('an extension of the pool that cannot be loaded is a warning, and its names are not held against it', async () => {
    using folder = new TestFolder();
    const lines =
      'engine = native\nphp_admin_value[extension] = nosuch.so\nphp_admin_value[nosuch.level] = 3';
    const file = folder.write(
      'fpm.conf',
      `[global]\nerror_log = ${folder.join('e.log')}\n${poolText(folder, 'www', lines)}`,
    );
    const env = cleanEnv({ HATHI_ENGINE_DIR: nativeBuild().folder });
    const { code, stderr } = await run(serverCommand('hathi'), ['-t', '-y', file], { env, cwd: folder.path });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /WARNING: \[pool www\] PHP \S+ refuses php_admin_value\[extension\]: .*nosuch\.so/);
    assert.match(stderr, /WARNING: \[pool www\] Unable to set php_admin_value 'nosuch\.level': no extension/);
  });
});
