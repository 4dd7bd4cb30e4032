/** Parts of the client without a Redis server: save paths, the choice of a server, replies. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReply, RedisError } from '../../src/engine/embedded/php/redis-connection.ts';
import { parseSavePath, serverOf } from '../../src/engine/embedded/php/redis-sessions.ts';

test('save paths', () => {
  const places = (path: string): unknown => parseSavePath(path)?.map(({ host, port }) => `${host} ${port}`);
  const rows: readonly (readonly [string, readonly string[] | undefined])[] = [
    ['tcp://127.0.0.1:6380', ['127.0.0.1 6380']],
    ['tcp://cache', ['cache 6379']],
    ['tcp://[::1]:1/?weight=2', ['::1 1']],
    [' tcp://a:1,tcp://b:2\ttcp://c:3 ', ['a 1', 'b 2', 'c 3']],
    ['unix:///run/redis.sock?database=1', ['/run/redis.sock 0']],
    ['unix:/run/redis.sock', ['/run/redis.sock 0']],
    ['', undefined],
    ['nonsense', undefined],
    ['tls://a:1', undefined],
    ['tcp://a:1, nonsense', undefined],
    ['tcp://a:1?weight=0', undefined],
    ['tcp://a:1?weight=x', undefined],
  ];
  for (const [path, expected] of rows) assert.deepEqual(places(path), expected, path);
});

test('options of a save path', () => {
  const [plain, full] =
    parseSavePath(
      'tcp://a?, tcp://b?timeout=2.5&read_timeout=1&prefix=P%3A&database=2&auth[user]=u&auth[pass]=p%20w&weight=3',
    ) ?? [];
  assert.deepEqual(plain, {
    ...{ host: 'a', port: 6379, weight: 1, connectTimeout: 60_000, readTimeout: 60_000 },
    ...{ prefix: 'PHPREDIS_SESSION:', auth: [], database: undefined },
  });
  assert.deepEqual(full, {
    ...{ host: 'b', port: 6379, weight: 3, connectTimeout: 2500, readTimeout: 1000 },
    ...{ prefix: 'P:', auth: ['u', 'p w'], database: '2' },
  });
  const auth = (query: string): unknown => parseSavePath(`tcp://a?${query}`)?.[0]?.auth;
  assert.deepEqual(auth('auth=x'), ['x']);
  assert.deepEqual(auth('auth[]=u&auth[]=p'), ['u', 'p']);
});

test('a session has its server by its first four bytes, from the last server on', () => {
  const servers = parseSavePath('tcp://a?weight=2, tcp://b') ?? [];
  const hosts = ['\0\0\0\0', '\x01\0\0\0', '\x02\0\0\0', '\x03\0\0\0', 'x'].map(
    (id) => serverOf(servers, id).host,
  );
  assert.deepEqual(hosts, ['b', 'a', 'a', 'b', 'b']);
});

test('replies, whole and cut anywhere', () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['+OK\r\n', 'OK'],
    [':-12\r\n', -12],
    ['$0\r\n\r\n', ''],
    ['$4\r\n\r\n\0\xff\r\n', '\r\n\0\xff'],
    ['$-1\r\n', null],
    ['*-1\r\n', null],
    ['*3\r\n:1\r\n$1\r\na\r\n*1\r\n+x\r\n', [1, 'a', ['x']]],
  ];
  for (const [text, value] of rows) {
    const bytes = Buffer.from(text, 'latin1');
    for (let cut = 0; cut < bytes.length; cut += 1) {
      assert.equal(parseReply(bytes.subarray(0, cut), 0), undefined);
    }
    assert.deepEqual(parseReply(Buffer.concat([bytes, Buffer.from('+next')]), 0), {
      value,
      end: bytes.length,
    });
  }
  assert.ok(parseReply(Buffer.from('-ERR no\r\n'), 0)?.value instanceof RedisError);
});

test('what is no reply', () => {
  for (const text of ['HTTP/1.1 400\r\n', '\r\n', '$x\r\n', '$99999999999\r\n', '*1e3\r\n']) {
    assert.throws(() => parseReply(Buffer.from(text), 0), text);
  }
});
