import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { PhpThread, scripts } from './php-thread.ts';

suite('A request in the embedded PHP', () => {
  let php: PhpThread;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hathi-instance-'));
    php = await PhpThread.start({
      env: [['HOME', '/home/pool']],
      status: '{"pool":"www","procs":[{"pid":7}]}',
    });
  });
  after(async () => {
    await php.stop();
    rmSync(folder, { recursive: true });
  });

  test('sees the given parameters in their order, and nothing invented', async () => {
    const params = [
      ['SERVER_NAME', 'example.org'],
      ['HTTP_HOST', 'example.org:81'],
      ['PATH_INFO', '/tail'],
      ['HTTP_AUTHORIZATION', 'Basic dXNlcjpzZWNyZXQ='],
      ['BYTES', '\xe9'],
    ] as const;
    const response = await php.run('show-server.php', { params });
    const server = JSON.parse(response.body) as Record<string, unknown>;
    assert.deepEqual(Object.keys(server), [
      'HOME',
      ...['REQUEST_METHOD', 'SCRIPT_FILENAME', 'SCRIPT_NAME', 'QUERY_STRING'],
      ...params.map(([name]) => name),
      ...['PHP_SELF', 'PHP_AUTH_USER', 'PHP_AUTH_PW', 'REQUEST_TIME_FLOAT', 'REQUEST_TIME', 'argv', 'argc'],
    ]);
    assert.equal(server['PHP_SELF'], '/script.php/tail');
    assert.equal(server['PHP_AUTH_PW'], 'secret');
    assert.equal(response.user, 'user');
    assert.equal('HTTPS' in server, false);
  });

  test('has its query, form fields, cookies, raw body and the folder of the script', async () => {
    const response = await php.run('show-request.php', {
      body: Buffer.from('b=2&c[]=3'),
      params: [
        ['CONTENT_TYPE', 'application/x-www-form-urlencoded'],
        ['QUERY_STRING', 'a=1'],
        ['HTTP_COOKIE', 'k=v; l=w'],
      ],
    });
    assert.deepEqual(JSON.parse(response.body), [
      { a: '1' },
      { b: '2', c: ['3'] },
      { k: 'v', l: 'w' },
      'b=2&c[]=3',
      scripts,
      'fpm-fcgi',
    ]);
  });

  test('has its headers, without the client setting HTTP_PROXY', async () => {
    const response = await php.run('show-headers.php', {
      params: [
        ['HTTP_X_ONE', '1'],
        ['HTTP_PROXY', 'evil'],
        ['CONTENT_TYPE', 'text/x'],
      ],
    });
    const headers = { 'X-One': '1', Proxy: 'evil', 'Content-Type': 'text/x' };
    assert.deepEqual(JSON.parse(response.body), [headers, true, false, '1', '/home/pool', false]);
  });

  const heads: readonly (readonly [string, string, number])[] = [
    ['', '', 200],
    ['line=HTTP/1.1 451 Custom Words', 'Status: 451 Custom Words', 451],
    ['line=X-Two: 2&code=404', 'Status: 404 Not Found', 404],
    ['line=X-Two: 2&code=299', 'Status: 299', 299],
    ['line=Status: 410 Away', 'Status: 410 Away', 200],
    ['line=Location: /x', 'Status: 302 Found', 302],
  ];
  for (const [query, line, status] of heads) {
    test(`sends "${line}" for "${query}"`, async () => {
      const response = await php.run('status-line.php', { params: [['QUERY_STRING', query]] });
      assert.equal(response.status, status);
      assert.equal(response.head.find((header) => header.startsWith('Status:')) ?? '', line);
      const cookies = response.head.filter((header) => header.startsWith('Set-Cookie:'));
      assert.deepEqual(cookies, ['Set-Cookie: a=1', 'Set-Cookie: b=2']);
      assert.ok(response.head.includes('X-Bytes: \xe9'));
      assert.ok(response.head.includes('Content-type: text/html; charset=UTF-8'));
    });
  }

  test('has no content type with 304 and no body with HEAD', async () => {
    const params = [['QUERY_STRING', 'line=X:1&code=304']] as const;
    const unchanged = await php.run('status-line.php', { params });
    assert.ok(unchanged.head.includes('Status: 304 Not Modified'));
    assert.equal(unchanged.head.filter((header) => /^content-type/i.test(header)).length, 0);
    const head = await php.run('status-line.php', { method: 'HEAD' });
    assert.equal(head.bytes, 0);
    assert.ok(head.head.includes('X-One: 1'));
  });

  test('sends head and output while the script sleeps or computes', async () => {
    for (const script of ['stream-slowly.php', 'stream-busy.php']) {
      const seen: string[] = [];
      const go = join(folder, `go-${script}`);
      // The script goes on only once its first piece is here.
      await php.run(script, {
        params: [['GO', go]],
        onMessage: (message) => {
          seen.push(message.type);
          if (message.type === 'out') writeFileSync(go, '');
        },
      });
      // The last output is part of the end.
      assert.deepEqual(seen, ['head', 'out', 'done']);
    }
  });

  test('reads a body that arrives in pieces, and never beyond its length', async () => {
    const body = Buffer.alloc(3_000_001, 'abc');
    const response = await php.run('echo-body-size.php', { body, pieces: 65_536 });
    assert.equal(JSON.parse(response.body)[0], body.length);
  });

  test('takes an upload of 50 MB', async () => {
    const target = join(folder, 'uploaded');
    const content = Buffer.alloc(50_000_000, 'upload');
    const body = Buffer.concat([
      Buffer.from('--B\r\nContent-Disposition: form-data; name="field"\r\n\r\nvalue\r\n'),
      Buffer.from('--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'),
      content,
      Buffer.from('\r\n--B--\r\n'),
    ]);
    const response = await php.run('upload.php', {
      body,
      pieces: 262_144,
      phpValue: 'upload_max_filesize=60M\npost_max_size=60M',
      params: [
        ['CONTENT_TYPE', 'multipart/form-data; boundary=B'],
        ['QUERY_STRING', `target=${target}`],
      ],
    });
    assert.deepEqual(JSON.parse(response.body), [content.length, 0, true, true, { field: 'value' }]);
    assert.ok(readFileSync(target).equals(content));
    assert.ok(response.heapBytes < 100_000_000, `the heap grew to ${response.heapBytes} bytes`);
  });

  test('sends 100 MB, waiting while the client does not read', async () => {
    let sent = 0;
    let most = 0;
    const response = await php.run('print-megabytes.php', {
      params: [['QUERY_STRING', 'n=100']],
      holdOutput: true,
      onMessage: (message) => {
        if (message.type !== 'out') return;
        sent += message.bytes.length;
        most = Math.max(most, php.words[0] as number);
        setImmediate(() => php.release(message.bytes.length));
      },
    });
    assert.equal(response.bytes, 100 * 1024 * 1024);
    assert.equal(sent, response.bytes);
    assert.ok(most <= 1024 * 1024 + 65_536, `${most} bytes were under way`);
  });

  test('is ended when its client is gone, unless it wants to go on', async () => {
    const mark = join(folder, 'aborted');
    const abort = (): void => {
      Atomics.store(php.words, 1, 1);
      Atomics.notify(php.words, 0);
    };
    const options = { onMessage: (message: { type: string }) => void (message.type === 'out' && abort()) };
    const ended = await php.run('print-forever.php', {
      ...options,
      params: [['QUERY_STRING', `mark=${mark}`]],
    });
    assert.equal(ended.outcome, 'bailout');
    assert.equal(readFileSync(mark, 'utf8'), '1');
    const query = `mark=${mark}&ignore=1&rounds=50`;
    const ignored = await php.run('print-forever.php', { ...options, params: [['QUERY_STRING', query]] });
    assert.equal(ignored.outcome, 'ok');
    assert.equal(readFileSync(`${mark}.end`, 'utf8'), 'reached');
  });

  test('goes on after fastcgi_finish_request() without its client', async () => {
    const mark = join(folder, 'finished');
    const response = await php.run('finish-request.php', { params: [['QUERY_STRING', `mark=${mark}`]] });
    assert.equal(response.body, 'answer');
    assert.ok(response.head.includes('X-Late: no'));
    assert.equal(response.finished, true);
    assert.deepEqual(JSON.parse(readFileSync(mark, 'utf8')), [true, false, 0]);
  });

  test('finds the API of PHP-FPM', async () => {
    assert.deepEqual(JSON.parse(await php.text('api-names.php')), ['fpm-fcgi', false, true, true]);
    assert.deepEqual(JSON.parse(await php.text('pool-status.php')), { pool: 'www', procs: [{ pid: 7 }] });
    assert.match(await php.text('phpinfo.php'), /Server API.*FPM\/FastCGI/);
  });

  test('has three ways out that are not the response', async () => {
    const response = await php.run('write-stderr.php');
    assert.equal(response.output, 'to stderr\nto stdout\n');
    assert.equal(response.log, 'to the log\n');
    assert.equal(response.bytes, 0);
  });

  test('works with the files of the host', async () => {
    const response = await php.run('files.php', { params: [['QUERY_STRING', `dir=${folder}`]] });
    const { inode, ...rest } = JSON.parse(response.body) as Record<string, unknown>;
    assert.ok((inode as number) > 0);
    assert.deepEqual(rest, {
      ...{
        rename: true,
        link: true,
        exclusive: true,
        mkdir: true,
        mtime: 1_000_000_000,
        mode: '640',
        gone: true,
      },
      ...{ glob: (rest['glob'] as string[]).toSorted(), device: 4, null: 1 },
      reasons: [...['Directory not empty', 'File exists', 'Is a directory'], 'No such file or directory'],
      created: (0o666 & ~process.umask()).toString(8),
    });
  });

  test('sees its own changes of folders at once', async () => {
    const response = await php.run('folders.php', { params: [['QUERY_STRING', `dir=${folder}/own`]] });
    assert.deepEqual(JSON.parse(response.body), {
      'renamed folder': [false, 'one'],
      'made anew': [false, 'two'],
      removed: [false, false],
      'link instead': ['one', true, true],
      relative: [true, 'one', 'one', 'one'],
      'below a file': false,
    });
  });

  test('sees what others did to a folder since the request before', async () => {
    const read = async (): Promise<string> =>
      (await php.run('read-file.php', { params: [['QUERY_STRING', `file=${folder}/site/page`]] })).body;
    for (const name of ['old', 'new']) {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'page'), name);
    }
    renameSync(join(folder, 'old'), join(folder, 'site'));
    assert.equal(await read(), 'old');
    renameSync(join(folder, 'site'), join(folder, 'old'));
    assert.equal(await read(), '');
    symlinkSync('new', join(folder, 'site'));
    assert.equal(await read(), 'new');
    rmSync(join(folder, 'site'));
    symlinkSync('old', join(folder, 'site'));
    assert.equal(await read(), 'old');
    rmSync(join(folder, 'site'));
    writeFileSync(join(folder, 'site'), 'no folder');
    assert.equal(await read(), '');
  });
});
