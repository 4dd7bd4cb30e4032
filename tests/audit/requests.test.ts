/** Requests of an audit: URLs, files of requests, the parameters that are sent; the command line. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { fastCgiParams, parseHeader, parseMethod, parseUrl, RequestError } from '../../src/audit/request.ts';
import { parseRequestFile } from '../../src/audit/request-file.ts';
import { onePass } from '../../src/audit/sequence.ts';
import { parseAuditOptions } from '../../src/cli/audit/options.ts';
import { UsageError } from '../../src/cli/serve/option-values.ts';
import { TestFolder } from '../harness/folder.ts';

suite('a URL', () => {
  test('valid ones', () => {
    assert.deepEqual(parseUrl('/a?b=c'), { scheme: 'http', host: 'localhost', target: '/a?b=c' });
    assert.deepEqual(parseUrl('https://shop.example:8443/x'), {
      scheme: 'https',
      host: 'shop.example:8443',
      target: '/x',
    });
    assert.equal(parseUrl('http://[::1]:80?a').target, '/?a');
    assert.equal(parseUrl('/caf\u00e9/\u{1f418}').target, '/caf%C3%A9/%F0%9F%90%98');
    assert.equal(parseUrl('/\ud800').target, '/%EF%BF%BD');
    assert.equal(parseUrl('/%zz//..').target, '/%zz//..');
  });

  for (const [url, why] of [
    ['shop', /begins with "\/"/],
    ['', /begins with "\/"/],
    ['ftp://a/', /begins with "\/"/],
    ['/a b', /%20/],
    ['/a\r\nX: y', /control character/],
    ['/a#top', /fragment/],
    ['http:///a', /no host/],
    ['http://a b/', /no host/],
    [`/${'a'.repeat(70_000)}`, /longer than/],
  ] as const) {
    test(`refused: ${JSON.stringify(url.slice(0, 30))}`, () => {
      assert.throws(
        () => parseUrl(url),
        (error) => error instanceof RequestError && why.test(error.message),
      );
    });
  }

  test('methods and headers', () => {
    assert.equal(parseMethod('PATCH'), 'PATCH');
    assert.throws(() => parseMethod('get'), RequestError);
    assert.deepEqual(parseHeader('X-A:  b: c '), ['X-A', 'b: c']);
    for (const wrong of ['X', ': a', 'X Y: a', 'X: a\nY: b', 'X: \0'])
      assert.throws(() => parseHeader(wrong), RequestError);
  });
});

suite('parameters', () => {
  const site = { docroot: '/srv/public', front: '/srv/public/index.php' };
  const post = {
    method: 'POST',
    ...parseUrl('https://shop.example/cart?id=1'),
    headers: [
      ['Content-Type', 'a/b'],
      ['Content-Length', '9'],
      ['X-Name', '\u00e9'],
    ] as const,
    body: Buffer.from('abc'),
  };

  test('as a web server sends them, with the mark', () => {
    const params = Object.fromEntries(fastCgiParams(post, site, 'hathi-audit-1-x'));
    assert.equal(params['REQUEST_URI'], '/cart?id=1');
    assert.equal(params['QUERY_STRING'], 'id=1');
    assert.deepEqual([params['SCRIPT_NAME'], params['SCRIPT_FILENAME']], ['/index.php', site.front]);
    assert.deepEqual([params['CONTENT_LENGTH'], params['CONTENT_TYPE']], ['3', 'a/b']);
    assert.equal(params['HTTP_CONTENT_LENGTH'], undefined);
    assert.equal(params['HTTP_X_NAME'], '\u00c3\u00a9');
    assert.deepEqual([params['HTTPS'], params['SERVER_PORT']], ['on', '443']);
    assert.equal(params['HTTP_HATHI_AUDIT'], 'hathi-audit-1-x');
  });

  test('a script outside of the document root', () => {
    const params = Object.fromEntries(
      fastCgiParams({ ...post, body: undefined }, { docroot: '/srv', front: '/opt/worker.php' }, ''),
    );
    assert.equal(params['SCRIPT_NAME'], '/worker.php');
    assert.equal(params['CONTENT_LENGTH'], '');
  });
});

suite('a file of requests', () => {
  const read = (name: string) => Buffer.from(`content of ${name}`);

  test('names, comments, headers, bodies', () => {
    const text = `\ufeff# all\n\n### one\n/plain\n### two\r\nPOST /cart HTTP/1.1\r\nX-A: 1\r\n\r\n{"a":\r\n 2}\r\n\r\n###\n// a comment\nPUT http://h/x\n\n< body.bin\n`;
    const requests = parseRequestFile(text, 'f', read, [
      ['X-A', '0'],
      ['X-B', '0'],
    ]);
    assert.deepEqual(
      requests.map(({ method, target }) => `${method} ${target}`),
      ['GET /plain', 'POST /cart', 'PUT /x'],
    );
    assert.deepEqual(requests[1]?.headers, [
      ['X-B', '0'],
      ['X-A', '1'],
    ]);
    assert.equal(String(requests[1]?.body), '{"a":\n 2}');
    assert.equal(String(requests[2]?.body), 'content of body.bin');
    assert.equal(requests[0]?.body, undefined);
  });

  for (const [name, text, message] of [
    ['nothing', '# only\n###\n\n', /: f: no request/],
    ['a bad URL', '###\n\nGET shop\n', /: f:3: cannot request "shop"/],
    ['a bad header', 'GET /\nX-A\n', /: f:2: cannot send the header "X-A"/],
    ['a bad method', 'GET /\n###\nget /\n', /: f:3: cannot use the method "get"/],
    ['too many words', 'GET / a b\n', /: f:1: cannot read the request/],
  ] as const) {
    test(name, () => {
      assert.throws(() => parseRequestFile(text, 'f', read), message);
    });
  }
});

test('the order of a pass', () => {
  assert.deepEqual(onePass(1, 0), [0, 0, 0]);
  assert.deepEqual(onePass(2, 0), [0, 1, 0, 1, 0, 1]);
  assert.deepEqual(onePass(3, 2, new Set([1])), [0, 2, 0, 0, 0, 2, 0, 2, 2, 2, 1]);
  assert.deepEqual(onePass(1, 2, new Set([0])), [0]);
});

suite('the command line', () => {
  using folder = new TestFolder();
  const script = folder.write('public/worker.php', '<?php');
  folder.write('public/index.php', '<?php');
  folder.write('public/logo.png', '');
  folder.write('allowed', '# ours\nstatics:App::*\n');
  const parse = (...args: string[]) => {
    const options = parseAuditOptions(['--worker', script, ...args], folder.path);
    assert.notEqual(options, 'help');
    return options as Exclude<typeof options, 'help'>;
  };

  const plain = parse(
    '/',
    '/index.php/a',
    '--data',
    'a=b',
    '-d',
    'x',
    '-d',
    'y=2',
    '--allow-file',
    'allowed',
  );

  test('defaults', () => {
    assert.deepEqual(plain.site, { docroot: folder.join('public'), front: folder.join('public/index.php') });
    assert.deepEqual(
      plain.requests.map(({ method }) => method),
      ['POST', 'POST'],
    );
    assert.deepEqual(plain.defines, ['x=1', 'y=2']);
    assert.deepEqual([plain.fresh, plain.timeout, plain.allowed.length], [2, 30, 1]);
  });

  // The folder is gone when the tests run: what is refused is found out here.
  const refusals = (
    [
      [[], /name a URL/],
      [['/logo.png'], /logo\.png", which the web server would not give/],
      [['/%6cogo.png'], /which the web server/],
      [['/', '--allow', 'static'], /did you mean "statics"/],
      [['/', '--ignore', '['], /--ignore/],
      [['/', '--fresh', '1'], /from 2 to 10/],
      [['/', '--timeout', '1e9'], /whole number/],
      [['/', '--php', 'new'], /version such as/],
      [['/', '--env', 'A'], /NAME=VALUE/],
      [['/', '--docroot', 'none'], /no folder/],
      [['/', '-c', 'none'], /-c: there is no/],
      [['--requests', 'none'], /cannot read/],
      [['/', '--data', '@none'], /no file/],
      [['/', '--wat'], /wat/],
      [Array(1001).fill('/'), /the most are 1000/],
    ] as const
  ).map(([args, message]) => {
    try {
      parse(...args);
      return [args, message, 'nothing'] as const;
    } catch (error) {
      return [args, message, error instanceof UsageError ? error.message : String(error)] as const;
    }
  });
  for (const [args, message, thrown] of refusals)
    test(`refused: ${args.slice(0, 3).join(' ')}`, () => assert.match(thrown, message));
});
