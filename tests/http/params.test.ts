import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cgiParams, headerParams, type RequestFacts, requestHost } from '../../src/http/params.ts';

const facts: RequestFacts = {
  method: 'POST',
  httpVersion: '1.1',
  scheme: 'http',
  uri: '/info.php/a%20b?x=1',
  query: 'x=1',
  docroot: '/srv/site',
  scriptName: '/info.php',
  pathInfo: '/a b',
  host: { header: 'localhost:8080', name: 'localhost' },
  remote: { address: '127.0.0.1', port: 50000 },
  local: { address: '127.0.0.1', port: 8080 },
  contentLength: 3,
  headers: {
    host: ['localhost:8080'],
    'content-type': ['text/plain'],
    'content-length': ['3'],
    'x-one': ['1'],
  },
  software: 'hathi/0',
  requestId: '00c0ffee00c0ffee',
};

test('a request becomes the parameters that nginx sends', () => {
  assert.deepEqual(Object.fromEntries(cgiParams(facts)), {
    QUERY_STRING: 'x=1',
    REQUEST_METHOD: 'POST',
    CONTENT_TYPE: 'text/plain',
    CONTENT_LENGTH: '3',
    SCRIPT_NAME: '/info.php',
    SCRIPT_FILENAME: '/srv/site/info.php',
    REQUEST_URI: '/info.php/a%20b?x=1',
    DOCUMENT_URI: '/info.php',
    DOCUMENT_ROOT: '/srv/site',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REQUEST_SCHEME: 'http',
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_SOFTWARE: 'hathi/0',
    REMOTE_ADDR: '127.0.0.1',
    REMOTE_PORT: '50000',
    SERVER_ADDR: '127.0.0.1',
    SERVER_PORT: '8080',
    SERVER_NAME: 'localhost',
    REDIRECT_STATUS: '200',
    REQUEST_ID: '00c0ffee00c0ffee',
    PATH_INFO: '/a b',
    HTTP_HOST: 'localhost:8080',
    HTTP_X_ONE: '1',
  });
});

test('HTTPS is there only with https', () => {
  const names = (scheme: 'http' | 'https') => cgiParams({ ...facts, scheme }).map(([name]) => name);
  assert.equal(names('http').includes('HTTPS'), false);
  assert.equal(names('https').includes('HTTPS'), true);
});

test('a request without a body has an empty CONTENT_LENGTH, as from nginx', () => {
  const params = Object.fromEntries(cgiParams({ ...facts, contentLength: undefined, headers: {} }));
  assert.equal(params['CONTENT_LENGTH'], '');
  assert.equal(params['CONTENT_TYPE'], '');
});

test('fields that would deceive or mean nothing behind the front are dropped', () => {
  const dropped = {
    proxy: ['http://evil'],
    x_real_ip: ['1.2.3.4'],
    'x.y': ['1'],
    connection: ['keep-alive, X-Private'],
    'x-private': ['1'],
    'transfer-encoding': ['chunked'],
    te: ['trailers'],
    upgrade: ['h2c'],
    expect: ['100-continue'],
    'content-length': ['1'],
  };
  assert.deepEqual(headerParams({ ...dropped, 'x-real-ip': ['5.6.7.8'] }), [['HTTP_X_REAL_IP', '5.6.7.8']]);
});

test('repeated fields are joined, cookies by a semicolon', () => {
  assert.deepEqual(headerParams({ cookie: ['a=1', 'b=2'], accept: ['x', 'y'] }), [
    ['HTTP_COOKIE', 'a=1; b=2'],
    ['HTTP_ACCEPT', 'x, y'],
  ]);
});

const hosts: [authority: string | undefined, fields: string[], name: string | undefined][] = [
  [undefined, ['Localhost:8080'], 'localhost'],
  [undefined, ['[::1]:80'], '[::1]'],
  [undefined, [], ''],
  ['real.example', ['other.example'], 'real.example'],
  [undefined, ['a', 'b'], undefined],
  [undefined, ['a/b'], undefined],
  [undefined, ['a@b'], undefined],
  [undefined, ['a b'], undefined],
];

for (const [authority, fields, name] of hosts) {
  test(`host of ${JSON.stringify([authority, fields])} is ${name ?? 'refused'}`, () => {
    const host = requestHost(authority, fields);
    assert.equal('name' in host ? host.name : undefined, name);
  });
}
