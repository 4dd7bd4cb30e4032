/** Answers of the host without PHP: the same as PHP-FPM's, even while every worker is busy. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { entered, installScripts, release } from '../contract/scripts.ts';
import { ReferenceFpm } from '../differential/reference-fpm.ts';
import { askOnce, type PlainResponse } from '../engine/plain-fastcgi.ts';
import { requires } from '../harness/debian.ts';
import { FakeMaster } from './fake-master.ts';

const skip = requires('php-fpm', 'root');

/** The two run different versions of PHP. */
function masked({ stdout, stderr, end }: PlainResponse): unknown {
  return { stdout: stdout.replace(/PHP\/[\d.]+/, 'PHP/x'), stderr, end };
}

suite('answers equal those of PHP-FPM', { skip }, () => {
  let fpm: ReferenceFpm;
  let master: FakeMaster;
  before(async () => {
    fpm = await ReferenceFpm.start([
      'ping.path = /ping',
      'ping.response = alive',
      'pm.status_path = /status',
    ]);
    fpm.folder.write('page.html', 'text');
    fpm.folder.write(
      'error.php',
      '<?php ini_set("log_errors", "1"); error_log("one"); error_log("two\nlines");',
    );
    fpm.folder.mkdir('folder.php');
    master = await FakeMaster.serving({
      slots: 1,
      settings: [
        ['ping.path', '/ping'],
        ['ping.response', 'alive'],
        ['pm.status_path', '/status'],
      ],
    });
  });
  after(async () => {
    await master[Symbol.asyncDispose]();
    await fpm[Symbol.asyncDispose]();
  });

  const rows: [name: string, params: Record<string, string>][] = [
    ['missing script', { SCRIPT_FILENAME: 'W/none.php', SCRIPT_NAME: '/none.php' }],
    ['missing script, HEAD', { REQUEST_METHOD: 'HEAD', SCRIPT_FILENAME: 'W/none.php' }],
    ['other extension', { SCRIPT_FILENAME: 'W/page.html', SCRIPT_NAME: '/page.html' }],
    ['folder', { SCRIPT_FILENAME: 'W/folder.php', SCRIPT_NAME: '/folder.php' }],
    ['no script named', { SCRIPT_NAME: '/ping' }],
    ['ping', { SCRIPT_FILENAME: 'W/none.php', SCRIPT_NAME: '/ping' }],
    ['ping by PATH_TRANSLATED', { PATH_TRANSLATED: 'W/none.php', SCRIPT_NAME: '/ping' }],
    ['ping, HEAD', { REQUEST_METHOD: 'HEAD', SCRIPT_FILENAME: 'W/none.php', SCRIPT_NAME: '/ping' }],
    ['ping with more behind it', { SCRIPT_FILENAME: 'W/none.php', SCRIPT_NAME: '/ping/' }],
    ['status, HEAD', { REQUEST_METHOD: 'HEAD', SCRIPT_FILENAME: 'W/none.php', SCRIPT_NAME: '/status' }],
    ['messages of a script', { SCRIPT_FILENAME: 'W/error.php', SCRIPT_NAME: '/error.php' }],
  ];
  for (const [name, given] of rows) {
    test(name, async () => {
      const params = Object.entries({ REQUEST_METHOD: 'GET', ...given }).map(
        ([key, value]): [string, string] => [key, value.replace('W/', `${fpm.folder.path}/`)],
      );
      assert.deepEqual(
        masked(await master.ask({ params })),
        masked(await askOnce({ path: fpm.socket }, { params })),
      );
    });
  }

  test('no request method', async () => {
    const params: [string, string][] = [['SCRIPT_FILENAME', fpm.folder.join('error.php')]];
    assert.deepEqual(
      masked(await master.ask({ params })),
      masked(await askOnce({ path: fpm.socket }, { params })),
    );
  });
});

test('ping and status answer while every worker is busy', async () => {
  await using master = await FakeMaster.serving({
    slots: 1,
    settings: [
      ['ping.path', '/ping'],
      ['pm.status_path', '/status'],
    ],
  });
  installScripts(master);
  const busy = master.get('gate.php');
  await entered(master);
  assert.equal((await master.get('none.php', { SCRIPT_NAME: '/ping' })).body, 'pong');
  const asked = master.nextOf('status');
  const answer = master.get('none.php', { SCRIPT_NAME: '/status' });
  master.answerStatus((await asked).id, 200, 'Content-type: text/plain\r\n\r\nbusy');
  assert.equal((await answer).body, 'busy');
  release(master);
  assert.equal((await busy).body, 'released');
});
