/** Each request of a booted application finds what is its own fresh, and leaves nothing of it behind. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { encodeRequest } from '../engine/plain-fastcgi.ts';
import { engines } from '../harness/engines.ts';
import { type Reply, request, scriptParams } from '../harness/fastcgi.ts';
import { poolText } from '../harness/pool.ts';
import { type EngineName, type Server, startServer } from '../harness/server.ts';
import { within } from '../harness/waiting.ts';
import { writeApplication } from './application.ts';

for (const { name: engine, skip } of engines) {
  suite(`requests of a booted application (${engine})`, { skip }, () => requestsOf(engine));
}

function requestsOf(engine: EngineName): void {
  let server: Server;
  let script: string;

  before(async () => {
    server = await startServer({
      engine,
      pools: (folder) => {
        script = writeApplication(folder);
        return poolText(
          folder,
          'www',
          `worker.script = ${script}
catch_workers_output = yes
env[POOL_ENV] = pool
php_admin_value[session.save_path] = ${folder.join('tmp')}
php_value[session.use_strict_mode] = 0
php_admin_flag[log_errors] = on
php_value[output_buffering] = 4096`,
        );
      },
      expected: [/PHP message|script|exited|Fatal|child/],
    });
  });
  after(() => server[Symbol.asyncDispose]());

  const ask = (
    action: string,
    more: Record<string, string> = {},
    body: Buffer | string = '',
  ): Promise<Reply> =>
    request(
      server.socket(),
      scriptParams(script, {
        QUERY_STRING: `do=${action}`,
        REQUEST_URI: `/index.php?do=${action}`,
        ...(body.length > 0 ? { REQUEST_METHOD: 'POST' } : {}),
        ...more,
      }),
      body,
    );
  const text = async (...of: Parameters<typeof ask>): Promise<string> => (await ask(...of)).body.toString();
  const value = async <T = Record<string, unknown>>(...of: Parameters<typeof ask>): Promise<T> =>
    JSON.parse(await text(...of)) as T;
  const header = (reply: Reply, name: string): string | undefined => reply.headers.get(name)?.[0];

  test('the application stays booted', async () => {
    const [first, second] = [await ask('hello'), await ask('hello')];
    assert.equal(second.body.toString(), 'hello');
    assert.equal(header(second, 'x-boot'), header(first, 'x-boot'));
    assert.equal(Number(header(second, 'x-count')), Number(header(first, 'x-count')) + 1);
    assert.equal(await text('object'), await text('object'));
  });

  test('the boot', async () => {
    const boot = await value('boot');
    assert.equal(boot['FRANKENPHP_WORKER'], '1');
    assert.equal(boot['SCRIPT_FILENAME'], script);
    assert.equal(boot['POOL_ENV'], 'pool');
    assert.equal(boot['FRANKENPHP_LOOP_MAX'], '-1');
    assert.ok(Number(boot['MAX_REQUESTS']) > 1e9);
    assert.equal(boot['REQUEST_URI'], undefined);
  });

  test('GET, POST, cookies and body', async () => {
    const form = { CONTENT_TYPE: 'application/x-www-form-urlencoded' };
    const first = await value('globals', { QUERY_STRING: 'do=globals&a=1', HTTP_COOKIE: 'c=d' }, 'x=y');
    assert.deepEqual(first, {
      get: { do: 'globals', a: '1' },
      post: [],
      cookie: { c: 'd' },
      files: [],
      body: 'x=y',
    });
    const second = await value('globals', form, 'p=q');
    assert.deepEqual(second, {
      get: { do: 'globals' },
      post: { p: 'q' },
      cookie: [],
      files: [],
      body: 'p=q',
    });
    const third = await value('globals');
    assert.deepEqual(third, { get: { do: 'globals' }, post: [], cookie: [], files: [], body: '' });
    const malformed = await value('globals', { HTTP_COOKIE: '=;;a=%zz; b; c=1' });
    assert.equal((malformed['cookie'] as Record<string, string>)['c'], '1');
  });

  test('$_REQUEST has only what its request sent, from its first use on', async () => {
    await ask('hello', { QUERY_STRING: 'do=hello&early=1' });
    assert.deepEqual(await value('request', { QUERY_STRING: 'do=request&one=1' }), {
      do: 'request',
      one: '1',
    });
    assert.deepEqual(await value('request', { QUERY_STRING: 'do=request&two=2' }), {
      do: 'request',
      two: '2',
    });
  });

  test('$_SERVER and getenv()', async () => {
    const first = await value('server', { HTTP_X_ONE: '1', REMOTE_ADDR: '192.0.2.1', PATH_INFO: '/a/b' });
    const second = await value('server', { HTTP_X_TWO: '2' });
    assert.equal(first['HTTP_X_ONE'], '1');
    assert.deepEqual(
      [second['HTTP_X_ONE'], second['HTTP_X_TWO'], second['REMOTE_ADDR']],
      [undefined, '2', '127.0.0.1'],
    );
    assert.deepEqual([first['FRANKENPHP_WORKER'], first['POOL_ENV']], [undefined, 'pool']);
    assert.ok(Number(second['time']) > Number(first['time']));
    assert.deepEqual(await value('getenv', { REQUEST_URI: '/one' }), ['/one', 'boot', false]);
    assert.deepEqual(await value('getenv', { REQUEST_URI: '/two' }), ['/two', 'boot', false]);
  });

  test('authentication', async () => {
    const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    assert.deepEqual(await value('auth', { HTTP_AUTHORIZATION: basic }), ['me', 'secret']);
    assert.deepEqual(await value('auth'), [null, null]);
  });

  test('status, status line and headers', async () => {
    const reply = await ask('status');
    assert.deepEqual([reply.status, header(reply, 'status')], [418, '418 Short and stout']);
    const next = await ask('hello');
    assert.deepEqual([next.status, header(next, 'x-made')], [200, undefined]);
    const nothing = await ask('nothing');
    assert.deepEqual([nothing.status, nothing.body.toString()], [204, '']);
    assert.equal(await text('parts'), 'one two');
  });

  test('what a request sets is undone, what the boot has set stays', async () => {
    const before = await value('state');
    assert.deepEqual([before['agent'], before['zone'], before['umask']], ['boot', 'Europe/Berlin', 0o27]);
    assert.equal(await text('set'), 'set');
    const after = await value('state');
    const { random: _, headers: __, ...left } = after;
    const { random: ___, headers: ____, ...right } = before;
    assert.deepEqual(left, right);
    await ask('set');
    const drawn = [];
    for (let round = 0; round < 2; round += 1) {
      await ask('set');
      drawn.push((await value('state'))['random']);
    }
    assert.notEqual(drawn[0], drawn[1]);
  });

  test('settings of the web server count for their request', async () => {
    const set = { PHP_VALUE: 'precision=3', PHP_ADMIN_VALUE: 'user_agent=web server' };
    const first = await value('state', set);
    assert.deepEqual([first['precision'], first['agent']], ['3', 'web server']);
    const second = await value('state');
    assert.deepEqual([second['precision'], second['agent']], ['14', 'boot']);
    assert.equal(await text('set'), 'set');
  });

  test('the last error is forgotten', async () => {
    assert.equal(await text('warn'), 'warned');
    assert.equal((await value('state'))['error'], null);
  });

  test('an exception that nobody catches is a 500, after what was printed; the application goes on', async () => {
    const first = await ask('hello');
    const thrown = await ask('throw');
    assert.equal(thrown.status, 500);
    assert.match(thrown.body.toString(), /^before /);
    assert.match(thrown.stderr, /Uncaught LogicException: thrown/);
    assert.equal((await ask('error-handler')).status, 500);
    assert.equal(header(await ask('hello'), 'x-boot'), header(first, 'x-boot'));
  });

  test('shutdown functions of a request run at its end, once', async () => {
    const reply = await ask('shutdown');
    assert.equal(reply.body.toString(), 'handled, at the end');
    assert.equal(await text('hello'), 'hello');
  });

  test('output buffers', async () => {
    assert.equal(await text('ob'), 'LOUD');
    assert.equal(await text('hello'), 'hello');
    const zipped = await ask('zlib', { HTTP_ACCEPT_ENCODING: 'gzip' });
    assert.equal(header(zipped, 'content-encoding'), 'gzip');
    const plain = await ask('hello', { HTTP_ACCEPT_ENCODING: 'gzip' });
    assert.deepEqual([header(plain, 'content-encoding'), plain.body.toString()], [undefined, 'hello']);
  });

  test('a session counts up, and nothing of it is seen elsewhere', async () => {
    const reply = await ask('session');
    const cookie = header(reply, 'set-cookie')?.split(';')[0] ?? '';
    assert.match(cookie, /^PHPSESSID=/);
    assert.equal(await text('session', { HTTP_COOKIE: cookie }), '2');
    assert.deepEqual(await value('no-session', { HTTP_COOKIE: cookie }), [false, 1, '']);
    assert.equal(await text('session'), '1');
    assert.equal(await text('session', { HTTP_COOKIE: cookie }), '3');
  });

  test('a session handler of a request does not survive it', async () => {
    assert.equal(await text('session-handler'), 'custom');
    assert.deepEqual(await value('handler'), ['files', 'files']);
    assert.equal(await text('session-handler'), 'custom');
    assert.equal(await text('session'), '1');
  });

  test('an upload is there for its request and gone after it', async () => {
    const multipart = [
      '--b',
      'Content-Disposition: form-data; name="f"; filename="a.txt"',
      '',
      'content of it',
      '--b--',
      '',
    ].join('\r\n');
    const type = { CONTENT_TYPE: 'multipart/form-data; boundary=b' };
    const [name, , path] = await value<string[]>('upload', type, multipart);
    assert.equal(name, 'a.txt');
    assert.equal(await value('exists', { QUERY_STRING: `do=exists&path=${path}` }), false);
    assert.deepEqual((await value('globals'))['files'], []);
  });

  test('a body of six megabytes', async () => {
    const body = Buffer.alloc(6_000_000, 'abcdefg');
    const [length] = await value<unknown[]>('length', { CONTENT_TYPE: 'application/octet-stream' }, body);
    assert.equal(length, body.length);
    assert.equal((await value<unknown[]>('length'))[0], 0);
  });

  test('a stream on the body that is kept is closed with it', async () => {
    assert.equal(await text('keep-input', { CONTENT_TYPE: 'text/plain' }, 'abcdef'), 'abc');
    assert.match(await text('use-input'), /closed|not a valid stream|must be an open stream/);
    assert.match(
      await text('use-input', { CONTENT_TYPE: 'text/plain' }, 'of another'),
      /closed|not a valid stream|must be an open stream/,
    );
  });

  test('hathi_finish_request(): the client is answered, the handler goes on', async () => {
    const reply = await ask('finish');
    assert.equal(reply.body.toString(), 'early');
    await server.log.waitFor(/after the end/);
    assert.equal(await text('finish', { CONTENT_TYPE: 'text/plain' }, 'unread'), 'early');
    assert.equal(await text('hello'), 'hello');
  });

  test('no request inside of a request', async () => {
    assert.match(await text('nested'), /cannot be called inside of a handler/);
  });

  test('fibers, which the embedded engine refuses in any script; getopt(), the environment', async () => {
    assert.match(await text('fiber'), engine === 'native' ? /^abc$/ : /Fibers are not available/);
    assert.equal(await text('getopt'), 'fine');
    await ask('putenv');
    assert.equal(await text('left'), 'behind');
  });

  test('the memory peak is of the request', async () => {
    assert.equal(await text('big'), '30000000');
    assert.ok(Number(await text('peak')) < 20_000_000);
  });

  test('a client that goes away does not end the application', async () => {
    const first = await ask('hello');
    const client = connect(server.socket());
    client.write(
      encodeRequest({ params: Object.entries(scriptParams(script, { QUERY_STRING: 'do=abort' })) }),
    );
    await within(once(client, 'data'), 'the beginning of the answer');
    client.destroy();
    assert.equal(header(await ask('hello'), 'x-boot'), header(first, 'x-boot'));
    assert.equal((await value<unknown[]>('aborted')).at(-1), 1);
  });

  test('a path that is no file is the application’s, as by try_files', async () => {
    const root = script.replace(/\/index\.php$/, '');
    const missing = { DOCUMENT_ROOT: root, SCRIPT_FILENAME: `${root}/some/page`, SCRIPT_NAME: '/some/page' };
    const found = await value('server', { ...missing, REQUEST_URI: '/some/page' });
    assert.deepEqual(
      [found['SCRIPT_FILENAME'], found['SCRIPT_NAME'], found['PHP_SELF'], found['REQUEST_URI']],
      [script, '/index.php', '/index.php', '/some/page'],
    );
    const folder = await value('server', { ...missing, SCRIPT_FILENAME: `${root}/`, SCRIPT_NAME: '/' });
    assert.equal(folder['SCRIPT_FILENAME'], script);
  });

  test('another script runs beside the application, in a worker of its own', async () => {
    const classic = script.replace('index.php', 'classic.php');
    const reply = await request(server.socket(), scriptParams(classic, { QUERY_STRING: 'n=1' }));
    const booted = header(await ask('hello'), 'x-pid');
    const [word, pid, rest] = reply.body.toString().split(' ');
    assert.deepEqual([word, rest], ['classic', '1']);
    assert.notEqual(pid, booted);
    const big = Buffer.alloc(300_000, 'a=b&');
    const echo = await request(
      server.socket(),
      scriptParams(script.replace('index.php', 'classic-echo.php'), {
        REQUEST_METHOD: 'POST',
        CONTENT_TYPE: 'text/plain',
        HTTP_LONG: 'x'.repeat(100_000),
      }),
      big,
    );
    assert.deepEqual(JSON.parse(echo.body.toString()), [[], '127.0.0.1', big.length]);
  });

  test('outside of worker mode the function says what to do', async () => {
    const outside = script.replace('index.php', 'outside.php');
    const reply = await request(server.socket(), scriptParams(outside));
    assert.match(reply.body.toString(), /worker\.script/);
  });

  test('many other scripts at once', async () => {
    const classic = script.replace('index.php', 'classic.php');
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        request(server.socket(), scriptParams(classic, { QUERY_STRING: `n=${n}` })),
      ),
    );
    for (const [n, reply] of replies.entries())
      assert.match(reply.body.toString(), new RegExp(`^classic \\d+ ${n}$`));
  });
}
