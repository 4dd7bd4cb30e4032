/** `hathi request` and the client against Debian's php-fpm. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import test, { after, before } from 'node:test';
import { requestCommand } from '../../src/cli/request.ts';
import { FastCgiClient } from '../../src/fastcgi/client.ts';
import { requires } from '../harness/debian.ts';
import { ReferenceFpm } from './reference-fpm.ts';

class Text extends Writable {
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString('latin1');
    done();
  }
}

async function hathiRequest(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const stdout = new Text();
  const stderr = new Text();
  const code = await requestCommand(args, { stdout, stderr });
  return { code, out: stdout.text, err: stderr.text };
}

for (const [about, args, message] of [
  ['no address', ['--script', '/a.php'], /without --connect/],
  ['no script', ['--connect', '/a.sock'], /without --script/],
  ['an unknown option', ['--nonsense'], /--nonsense/],
  ['a strange address', ['--connect', 'host', '--script', '/a'], /"host": must be the path of a socket/],
  ['port 0', ['--connect', 'host:0', '--script', '/a'], /"host:0"/],
  ['a parameter without a value', ['--connect', '/a', '--script', '/a', '--param', 'X'], /--param "X"/],
  ['a header without a colon', ['--connect', '/a', '--script', '/a', '--header', 'X'], /--header "X"/],
  ['a time-out that is no number', ['--connect', '/a', '--script', '/a', '--timeout', 'x'], /--timeout "x"/],
  ['two forms of output', ['--connect', '/a', '--script', '/a', '--raw', '--body-only'], /choose one/],
  ['a body that is not there', ['--connect', '/a', '--script', '/a', '--body', '/no/such'], /ENOENT/],
] as const) {
  test(`usage: ${about}`, async () => {
    const { code, out, err } = await hathiRequest(...args);
    assert.deepEqual([code, out], [64, '']);
    assert.match(err, message);
  });
}

test('--help documents every exit code', async () => {
  const { code, out } = await hathiRequest('--help');
  assert.equal(code, 0);
  assert.match(out, /0 a response was received, 1 it was not, 22 see --fail, 64 wrong arguments/);
});

test('nobody listens: exit code 1 and the reason', async () => {
  const { code, err } = await hathiRequest('--connect', '/no/such.sock', '--script', '/a.php');
  assert.equal(code, 1);
  assert.match(err, /Cannot connect to "\/no\/such\.sock": .*ENOENT/);
});

test('against php-fpm', { skip: requires('php-fpm') }, async (suite) => {
  let fpm: ReferenceFpm;
  let script: string;
  before(async () => {
    fpm = await ReferenceFpm.start(['pm.status_path = /fpm/status']);
    script = fpm.folder.write(
      'echo.php',
      `<?php
      if (isset($_GET['status'])) http_response_code((int)$_GET['status']);
      if (isset($_GET['log'])) error_log('noted');
      header('X-Method: ' . $_SERVER['REQUEST_METHOD']);
      setcookie('a', '1'); setcookie('b', '2');
      echo $_SERVER['HTTP_X_NAME'] ?? '-', ' ', $_SERVER['REQUEST_URI'], ' ', $_SERVER['EXTRA'] ?? '-', ' ';
      echo strlen(file_get_contents('php://input')), ' ', md5(file_get_contents('php://input'));
      if (isset($_GET['fill'])) for ($i = 0; $i < $_GET['fill']; $i++) echo str_repeat('f', 65536);
      `,
    );
  });
  after(() => fpm[Symbol.asyncDispose]());
  const request = (...args: string[]) => hathiRequest('--connect', fpm.socket, '--script', script, ...args);

  await suite.test('status line, headers with duplicates, body', async () => {
    const { code, out, err } = await request(
      '--query',
      'a=b',
      '--header',
      'X-Name: Jörg',
      '--param',
      'EXTRA=x=y',
    );
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /^200 OK\n/);
    assert.match(out, /\nX-Method: GET\n/);
    assert.match(out, /\nSet-Cookie: a=1\nSet-Cookie: b=2\n/);
    const utf8 = Buffer.from('Jörg').toString('latin1');
    assert.equal(out.split('\n\n')[1], `${utf8} /echo.php?a=b x=y 0 d41d8cd98f00b204e9800998ecf8427e`);
  });

  await suite.test('--fail turns a status of 400 or more into exit code 22', async () => {
    assert.equal((await request('--query', 'status=404')).code, 0);
    const { code, out } = await request('--query', 'status=404', '--fail', '--headers-only');
    assert.equal(code, 22);
    assert.match(out, /^404 Not Found\n[\s\S]*\n\n$/);
  });

  await suite.test('--body-only, --raw, --body FILE', async () => {
    const body = fpm.folder.write('body', 'x'.repeat(300_000));
    const { out } = await request('--body', body, '--header', 'Content-Type: text/plain', '--body-only');
    assert.match(out, /^- \/echo\.php - 300000 /);
    assert.match((await request('--raw')).out, /^X-Powered-By: PHP\/8\.\d[\s\S]*\r\n\r\n- /);
  });

  await suite.test('what PHP logs goes to stderr', async () => {
    assert.match((await request('--query', 'log=1')).err, /PHP message: noted/);
  });

  await suite.test('the status page', async () => {
    const { out } = await hathiRequest('--connect', fpm.socket, '--script', '/fpm/status', '--body-only');
    assert.match(out, /^pool: +www\n/);
  });

  await suite.test('many large parameters and a kept connection', async () => {
    const client = new FastCgiClient({ path: fpm.socket }, { keepConnection: true });
    for (const fill of [1, 100]) {
      let got = 0;
      const big = Array.from({ length: 30 }, (_, index) => [`P${index}`, 'v'.repeat(7000)] as const);
      const params = [
        ...big,
        ['SCRIPT_FILENAME', script],
        ['REQUEST_METHOD', 'GET'],
        ['QUERY_STRING', `fill=${fill}`],
      ];
      const result = await client.request({
        params: params as [string, string][],
        onStdout: (chunk) => {
          got += chunk.length;
        },
      });
      assert.equal(result.appStatus, 0);
      assert.ok(got > fill * 65536);
    }
    client.close();
  });
});
