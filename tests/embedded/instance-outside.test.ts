import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { PhpThread, scripts } from './php-thread.ts';

function port(server: Server): number {
  return (server.address() as AddressInfo).port;
}

async function listening<S extends Server>(server: S, host: string): Promise<S> {
  server.listen(0, host);
  await new Promise((resolve) => server.once('listening', resolve));
  return server;
}

suite('The embedded PHP and the world outside', () => {
  let php: PhpThread;
  let folder: string;
  const ask = async (script: string, query: string): Promise<unknown> =>
    JSON.parse(await php.text(script, { params: [['QUERY_STRING', query]] }));
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hathi-outside-'));
    writeFileSync(join(folder, 'sendmail'), `#!/bin/sh\ncat > "${folder}/mail"\n`, { mode: 0o755 });
    php = await PhpThread.start({
      env: [
        ['NAMED', 'from the pool'],
        ['PATH', '/usr/bin:/bin'],
      ],
      phpAdminValue: [['sendmail_path', join(folder, 'sendmail')]],
    });
  });
  after(async () => {
    await php.stop();
    rmSync(folder, { recursive: true });
  });

  for (const [host, name] of [
    ['127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', 'localhost'],
    ['::1', '[::1]'],
  ] as const) {
    test(`talks TCP to ${name}`, async () => {
      const server = await listening(
        createServer((socket) => {
          socket.write('greeting\n');
          socket.once('data', (data) => socket.end(`echo ${data}`));
        }),
        host,
      );
      try {
        const query = `host=${encodeURIComponent(name)}&port=${port(server)}`;
        const text = await php.text('talk-tcp.php', { params: [['QUERY_STRING', query]] });
        assert.equal(text, 'greeting\necho ping\n');
      } finally {
        server.close();
      }
    });
  }

  test('is told that a connection was refused', async () => {
    const server = await listening(createServer(), '127.0.0.1');
    const closed = port(server);
    await new Promise((resolve) => server.close(resolve));
    assert.deepEqual(await ask('connect.php', `host=127.0.0.1&port=${closed}`), [
      false,
      14,
      'Connection refused',
    ]);
    assert.equal(await php.text('connect-mysql.php'), 'Connection refused');
  });

  test('is told that a name does not exist', async () => {
    const [connected, , text] = (await ask('connect.php', 'host=no-such-name.invalid&port=80')) as unknown[];
    assert.equal(connected, false);
    assert.match(String(text), /Name does not resolve/);
  });

  test('fetches over HTTP by streams and by curl', async () => {
    const server = await listening(
      createHttpServer((request, response) => response.end(`you asked for ${request.url}`)),
      '127.0.0.1',
    );
    try {
      const answer = 'you asked for /page';
      const url = encodeURIComponent(`http://localhost:${port(server)}/page`);
      assert.deepEqual(await ask('fetch.php', `url=${url}`), [answer, answer, '127.0.0.1']);
    } finally {
      server.close();
    }
  });

  test('cannot listen', async () => {
    assert.deepEqual(await ask('listen.php', ''), [true, true]);
  });

  test('runs commands with their input, output and exit codes', async () => {
    const file = join(folder, 'written');
    const results = (await ask('run-commands.php', `file=${file}`)) as unknown[];
    assert.match(String(results.splice(6, 1)[0]), /no-such-command: not found/);
    assert.deepEqual(results, [
      ...[['out'], 3, ['input', 'error\n', 5], ['read\n', 6], 4],
      `${scripts}\nfrom the pool\n`,
      127,
    ]);
    assert.equal(readFileSync(file, 'utf8'), 'written');
  });

  test('sends mail by the configured program', async () => {
    assert.equal(await ask('send-mail.php', ''), true);
    assert.match(readFileSync(join(folder, 'mail'), 'utf8'), /Subject: subject[\s\S]*text of the mail/);
  });
});
