/** Files that are none of the host's, and names and numbers that no file has: a script gets an answer, never a crash. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { TestFolder } from '../harness/folder.ts';
import { PhpThread, type Response } from './php-thread.ts';

suite('Files of the engine itself', () => {
  let php: PhpThread;
  const folder = new TestFolder();
  before(async () => {
    php = await PhpThread.start({ mainIni: 'display_errors=0\nlog_errors=1\nhtml_errors=0\n' });
  });
  after(async () => {
    await php.stop();
    folder[Symbol.dispose]();
  });

  const run = (code: string, phpAdminValue?: string): Promise<Response> =>
    php.run(
      folder.write('script.php', `<?php ${code}`),
      phpAdminValue === undefined ? {} : { phpAdminValue },
    );

  for (const path of ['/dev/stderr', '/proc/self/fd/2', '/dev/stdout', '/proc/self/fd/1', 'php://stderr']) {
    test(`${path} is what the worker writes`, async () => {
      const { outcome, body, output } = await run(
        `echo file_put_contents("${path}", "one "), file_put_contents("${path}", "two", FILE_APPEND);`,
      );
      assert.deepEqual([outcome, body, output], ['ok', '43', 'one two']);
    });
  }

  for (const path of ['/dev/stderr', '/proc/self/fd/2', '/dev/stdout']) {
    test(`error_log = ${path} gets the messages`, async () => {
      const { outcome, output, log } = await run(
        'error_log("own"); echo $missing; none();',
        `error_log=${path}`,
      );
      assert.equal(outcome, 'bailout');
      assert.match(
        output,
        /own\n.*PHP Warning: {2}Undefined variable \$missing.*\n.*PHP Fatal error: {2}Uncaught Error/,
      );
      assert.equal(log, '');
    });
  }

  test('/dev/zero, /dev/full and /dev/null are the devices of these names', async () => {
    const { outcome, body } = await run(
      `foreach (['zero', 'full', 'null'] as $name) {
        $device = fopen("/dev/$name", 'r+');
        echo $name, bin2hex(fread($device, 2)), var_export(@fwrite($device, 'x'), true), filetype("/dev/$name"), ' ';
      }
      echo var_export(@file_put_contents('/dev/full', str_repeat('x', 100000)), true);`,
    );
    assert.deepEqual([outcome, body], ['ok', 'zero00001char full0000falsechar null1char false']);
  });

  test('nothing is made or removed in /dev and /proc', async () => {
    const { outcome, body } = await run(
      `foreach (['/dev/new', '/proc/new', '/proc/self/new'] as $path) {
        $done = [@touch($path), @mkdir($path), @symlink('/etc', $path), @file_put_contents($path, 'x')];
        echo count(array_filter($done)), var_export(file_exists($path), true), ' ';
      }
      echo count(array_filter([@unlink('/dev/null'), @rename('/dev/zero', '/dev/one'), @rmdir('/proc/self')]));
      echo count(array_filter([file_exists('/dev/null'), file_exists('/dev/zero'), is_dir('/proc/self')]));`,
    );
    assert.deepEqual([outcome, body], ['ok', '0false 0false 0false 03']);
  });

  for (const path of ['/dev/stdin', '/proc/self/fd/0', 'php://stdin']) {
    test(`${path} is empty`, async () => {
      const { outcome, body } = await run(`var_dump(file_get_contents("${path}"));`);
      assert.deepEqual([outcome, body], ['ok', 'string(0) ""\n']);
    });
  }

  for (const path of ['/proc/self/fd/99', '/proc/self/fd/x', '/proc/self/fd/-1', '/dev/tty', '/dev/tty1']) {
    test(`${path} does not exist`, async () => {
      const { outcome, body } = await run(
        `echo json_encode([@fopen("${path}", "r"), @stat("${path}"), @readlink("${path}"), is_link("${path}")]);`,
      );
      assert.deepEqual([outcome, body], ['ok', '[false,false,false,false]']);
    });
  }

  test('and every odd name and number have an answer by every function of files', async () => {
    const { outcome, body, log } = await php.run('files-odd.php', { params: [['FOLDER', folder.join('')]] });
    assert.deepEqual([outcome, body], ['ok', 'done'], log);
  });
});
