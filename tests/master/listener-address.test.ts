import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseListenAddress, resolveListenAddress, socketKey } from '../../src/sockets/listener-address.ts';
import { ListenerError } from '../../src/sockets/listener-error.ts';

const unix = (text: string, path: string) => ({ kind: 'unix', text, path });
const tcp = (text: string, host: string | undefined, port: number) => ({ kind: 'tcp', text, host, port });

const forms = [
  unix('/run/php/www.sock', '/run/php/www.sock'),
  unix('run/www.sock', '/prefix/run/www.sock'),
  tcp('9000', undefined, 9000),
  tcp('127.0.0.1:9000', '127.0.0.1', 9000),
  tcp('localhost:65535', 'localhost', 65_535),
  tcp('[::1]:9000', '::1', 9000),
  tcp('[::]:9000', '::', 9000),
  tcp('::1:9000', '::1', 9000),
];
for (const expected of forms) {
  test(`'${expected.text}' is read`, () => {
    assert.deepEqual(parseListenAddress(expected.text, '/prefix'), expected);
  });
}

const refusals: [text: string, message: RegExp][] = [
  ['0', /invalid port value '0'/],
  ['65536', /invalid port value '65536'/],
  ['127.0.0.1:', /invalid port value ''/],
  ['127.0.0.1:http', /invalid port value 'http'/],
  ['127.0.0.1:-1', /invalid port value '-1'/],
  ['127.0.0.1:99999999999', /invalid port value '99999999999'/],
  [':9000', /has no host: write '9000' for any address/],
  ['', /no listen address have been defined!/],
];
for (const [text, message] of refusals) {
  test(`'${text}' is refused`, () => {
    assert.throws(() => parseListenAddress(text, '/'), { name: 'ListenerError', message });
  });
}

test('keys are the names that PHP-FPM gives its sockets', async () => {
  const keys = async (text: string) =>
    (await resolveListenAddress(parseListenAddress(text, '/'))).map(socketKey);
  assert.deepEqual(await keys('9000'), [':::9000', '0.0.0.0:9000']);
  assert.deepEqual(await keys('[::1]:9000'), ['::1:9000']);
  assert.deepEqual(await keys('127.0.0.1:9000'), ['127.0.0.1:9000']);
  assert.deepEqual(await keys('*:9000'), ['::1:9000', '127.0.0.1:9000']);
  assert.deepEqual(await keys('/run/a.sock'), ['/run/a.sock']);
  assert.ok((await keys('localhost:9000')).some((key) => key === '127.0.0.1:9000' || key === '::1:9000'));
});

test('a host that cannot be resolved is named', async () => {
  await assert.rejects(
    resolveListenAddress(parseListenAddress('no-such-host.invalid:9000', '/')),
    (error) => {
      assert.ok(error instanceof ListenerError);
      assert.match(
        error.line,
        /^getaddrinfo: (Name or service not known|Temporary failure in name resolution) \(no-such-host\.invalid\)$/,
      );
      return true;
    },
  );
});
