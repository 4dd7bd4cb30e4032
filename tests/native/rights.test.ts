/** A native host's use of the master's rights, of which its workers have none. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { FakeMaster } from '../embedded/fake-master.ts';
import { requires } from '../harness/debian.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { nativeBuild } from './built-engine.ts';
import { identity } from './identity.ts';

const { command, skip } = nativeBuild();
const status = (names: string): string =>
  `<?php preg_match_all("/^(${names}):\\\\s*(.*)/m", file_get_contents("/proc/self/status"), $m); echo implode("|", array_map("trim", $m[2]));`;

suite('rights of a native pool', { skip: skip || requires('root') }, () => {
  async function answer(settings: readonly (readonly [string, string])[], script: string): Promise<string> {
    await using master = await FakeMaster.serving({
      command,
      slots: 1,
      settings: [...identity(), ...settings],
    });
    master.folder.write('script.php', script);
    return (await master.get('script.php')).body;
  }

  test('workers have the user, its groups and no capability', async () => {
    const body = await answer([], status('Uid|Gid|CapEff|CapPrm'));
    assert.equal(body, '33\t33\t33\t33|33\t33\t33\t33|0000000000000000|0000000000000000');
  });

  test('the host has no more rights than they', async () => {
    const text = `<?php $ppid = explode(" ", file_get_contents("/proc/self/stat"))[3]; echo preg_replace("/.*^(CapEff:\\\\s*\\\\w+).*/ms", "$1", file_get_contents("/proc/$ppid/status"));`;
    assert.equal(await answer([], text), 'CapEff:\t0000000000000000');
  });

  test('rlimit_files and rlimit_core are each worker’s own, and may be higher than the host’s', async () => {
    const limits = await answer(
      [
        ['rlimit_files', '2048'],
        ['rlimit_core', '12345'],
      ],
      '<?php preg_match_all("/^Max (?:open files|core file size) +(\\\\d+) +(\\\\d+)/m", file_get_contents("/proc/self/limits"), $m); echo json_encode([$m[1], $m[2]]);',
    );
    assert.deepEqual(JSON.parse(limits), [
      ['12345', '2048'],
      ['12345', '2048'],
    ]);
  });

  test('rlimit_core = unlimited, which the master sends as -1', async () => {
    const soft =
      '<?php preg_match("/^Max core file size +(\\w+) +(\\w+)/m", file_get_contents("/proc/self/limits"), $m); echo $m[1], " ", $m[2];';
    assert.equal(await answer([['rlimit_core', '-1']], soft), 'unlimited unlimited');
  });

  test('process.priority and process.dumpable', async () => {
    const nice = '<?php echo explode(" ", file_get_contents("/proc/self/stat"))[18];';
    assert.equal(await answer([['process.priority', '7']], nice), '7');
    // In /proc an undumpable process belongs to root (proc(5)).
    const owner = '<?php echo fileowner("/proc/self/stat");';
    assert.equal(await answer([], owner), '0');
    assert.equal(await answer([['process.dumpable', '1']], owner), '33');
  });

  test('chroot and chdir', async () => {
    using root = new TestFolder('hathi-root-');
    root.mkdir('inside');
    root.write(
      'inside/where.php',
      '<?php echo getcwd(), " ", implode(",", array_diff(scandir("/"), [".", ".."]));',
    );
    const settings = [...identity(), ['chroot', root.path], ['chdir', '/inside']] as const;
    await using master = await FakeMaster.serving({ command, slots: 1, settings });
    const where = await master.get('where.php', { SCRIPT_FILENAME: '/inside/where.php', DOCUMENT_ROOT: '/' });
    assert.equal(where.body, '/inside inside');
  });

  test('a missing root, and a hat where no profile of AppArmor confines the process, are refused with a reason', async () => {
    for (const [setting, reason] of [
      [['chroot', '/no/such/root'], /failed to chroot\(\/no\/such\/root\): No such file/],
      [
        ['apparmor_hat', 'hat'],
        /failed to query apparmor confinement\. Please check if "\/proc\/\*\/attr\/current" is read and writeable\.: /,
      ],
    ] as const) {
      await using master = new FakeMaster({ command, settings: [...identity(), setting] });
      assert.match((await master.nextOf('failed')).reason, reason);
      assert.equal(await master.exitCode(), 70);
    }
  });

  test('a script can start others with PHP_BINARY', async () => {
    const script = `<?php echo shell_exec(escapeshellarg(PHP_BINARY) . " -n -r 'echo PHP_SAPI, PHP_VERSION;'"), " ", PHP_VERSION;`;
    assert.match(await answer([], script), /^cli(\S+) \1$/);
  });

  test('the environment is the pool’s own', async () => {
    const settings = [
      ['env', 'HOME=/own'],
      ['env', 'A=first'],
      ['env', 'A=second'],
    ] as const;
    // As in php-fpm getenv() without a name has the request's parameters as well.
    const isParameter =
      '/^(FCGI_ROLE|GATEWAY_INTERFACE|QUERY_STRING|DOCUMENT_ROOT|(REQUEST|SCRIPT|SERVER)_.+)$/';
    const script = `<?php echo json_encode(array_filter(getenv(), fn($name) => !preg_match('${isParameter}', $name), ARRAY_FILTER_USE_KEY));`;
    assert.deepEqual(JSON.parse(await answer(settings, script)), {
      A: 'first',
      HOME: '/own',
      USER: 'www-data',
    });
  });
});

suite('an AppArmor hat', { skip }, () => {
  test('is asked for below the profile that confines the process', () => {
    using folder = new TestFolder();
    const program = folder.join('enter');
    const source = join(checkout, 'tests/native/apparmor-program.c');
    const flags = [
      '-std=gnu11',
      '-D_GNU_SOURCE',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-iquote',
      join(checkout, 'native'),
    ];
    execFileSync(process.env['CC'] || 'cc', [...flags, '-o', program, source]);
    const enter = (hat: string): string =>
      spawnSync(program, [folder.path, hat], { encoding: 'utf8' }).stdout;

    assert.match(
      enter('shop'),
      /^failed to query apparmor confinement.*: No such file or directory \(2\)\n$/,
    );
    for (const [place, current, order] of [
      ['self/attr/current', '/usr/sbin/php-fpm (enforce)\n', 'changeprofile /usr/sbin/php-fpm//shop'],
      ['self/attr/current', 'with blank (complain)\n', 'changeprofile with blank//shop'],
      // It comes first: where it is, the other file may be another security module's.
      ['self/attr/apparmor/current', 'a (enforce)\n', 'changeprofile a//shop'],
    ] as const) {
      const file = folder.write(place, current);
      assert.equal(enter('shop'), '\n');
      assert.equal(readFileSync(file, 'latin1'), order);
    }
    const file = folder.write('self/attr/apparmor/current', '');
    assert.match(enter('shop'), /: Invalid argument \(22\)\n$/);
    folder.write('self/attr/apparmor/current', 'own (enforce)\n');
    const tooLong =
      /^failed to change to new confinement \(own\/\/x{200}\)\. .*: File name too long \(36\)\n$/;
    assert.match(enter('x'.repeat(9000)), tooLong);
    assert.equal(readFileSync(file, 'latin1'), 'own (enforce)\n');
  });
});

suite('ini files of a native pool', { skip }, () => {
  test('main file, scan folder and -d are what the master found', async () => {
    using folder = new TestFolder();
    folder.write('php.ini', 'precision = 5\nuser_agent = main\n');
    folder.write('conf.d/10-a.ini', 'user_agent = scanned\n');
    copyFileSync(folder.join('php.ini'), folder.join('other.ini'));
    const show =
      '<?php echo json_encode([php_ini_loaded_file(), trim((string) php_ini_scanned_files()), ini_get("precision"), ini_get("user_agent"), ini_get("include_path")]);';
    const ask = async (settings: readonly (readonly [string, string])[]): Promise<unknown> => {
      await using master = await FakeMaster.serving({ command, slots: 1, settings });
      master.folder.write('ini.php', show);
      return JSON.parse((await master.get('ini.php')).body);
    };
    const [main, scanned] = [folder.join('php.ini'), folder.join('conf.d/10-a.ini')];
    const both = [
      ['php.ini', main],
      ['php.ini', scanned],
      ['php.define', 'include_path=/a b:/c'],
    ] as const;
    assert.deepEqual(await ask(both), [main, scanned, '5', 'scanned', '/a b:/c']);
    assert.deepEqual((await ask([])) as unknown[], [false, '', '14', '', '.:/usr/share/php']);
  });
});
