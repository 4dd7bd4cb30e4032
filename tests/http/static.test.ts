import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type Front, startFront } from '../../src/http/front.ts';
import { TestFolder } from '../harness/folder.ts';
import { ask, sendRaw } from './client.ts';

const folder = new TestFolder('hathi-static-');
let front: Front;

before(async () => {
  folder.write('secret.txt', 'outside');
  folder.write('site/index.html', '<!doctype html>home');
  folder.write('site/style.css', 'body{}');
  folder.write('site/app.js', '1');
  folder.write('site/data.json', '{}');
  folder.write('site/pic.svg', '<svg/>');
  folder.write('site/font.woff2', 'x');
  folder.write('site/umlaut ä.txt', 'name');
  folder.write('site/digits.txt', '0123456789');
  folder.write('site/old.php~', '<?php // source');
  folder.write('site/.env', 'SECRET=1');
  folder.write('site/.git/config', 'secret');
  folder.write('site/.well-known/security.txt', 'Contact: x');
  folder.write('site/empty/nothing.txt', '');
  symlinkSync('../secret.txt', folder.join('site/out.txt'));
  symlinkSync('..', folder.join('site/up'));
  symlinkSync('digits.txt', folder.join('site/in.txt'));
  symlinkSync('.env', folder.join('site/env.txt'));
  symlinkSync('old.php~', folder.join('site/source.txt'));
  symlinkSync('loop', folder.join('site/loop'));
  mkdirSync(folder.join('site/docs'));
  folder.write('site/docs/index.html', 'docs');
  front = await startFront({
    docroot: folder.join('site'),
    host: '127.0.0.1',
    port: 0,
    connect: { path: folder.join('none.sock') },
  });
});

after(async () => {
  await front.stop();
  folder[Symbol.dispose]();
});

const types: [path: string, type: RegExp][] = [
  ['/', /^text\/html/],
  ['/style.css', /^text\/css/],
  ['/app.js', /javascript/],
  ['/data.json', /^application\/json/],
  ['/pic.svg', /^image\/svg\+xml/],
  ['/font.woff2', /^font\/woff2/],
  ['/umlaut%20%C3%A4.txt', /^text\/plain/],
  ['/.well-known/security.txt', /^text\/plain/],
];

for (const [path, type] of types) {
  test(`${path} has its type`, async () => {
    const { status, headers } = await ask(front.port, path);
    assert.equal(status, 200);
    assert.match(headers['content-type'] ?? '', type);
  });
}

const hidden = [
  '/.env',
  '/%2eenv',
  '/.git/config',
  '/.git/',
  '/old.php~',
  '/out.txt',
  '/up/secret.txt',
  '/env.txt',
  '/source.txt',
  '/loop',
  '/missing.php',
  '/missing.txt',
  '/digits.txt/',
  '/%FF.txt',
];

for (const path of hidden) {
  test(`${path} is not found, and nothing of it is told`, async () => {
    const { status, body } = await ask(front.port, path);
    assert.equal(status, 404);
    assert.doesNotMatch(String(body), /SECRET|outside|source|0123/);
  });
}

const traversals = [
  '/../secret.txt',
  '/..%2fsecret.txt',
  '/%2e%2e/secret.txt',
  '/%2e%2e%2fsecret.txt',
  '/docs/../../secret.txt',
  '/docs/..%2f..%2fsecret.txt',
  '/..%5csecret.txt',
  '/digits.txt%00.html',
  '/..;/secret.txt/%zz',
];

for (const path of traversals) {
  test(`${path} is a bad request`, async () => {
    const answer = await sendRaw(front.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.doesNotMatch(answer, /outside/);
  });
}

test('a link inside the document root is followed', async () => {
  assert.equal(String((await ask(front.port, '/in.txt')).body), '0123456789');
});

test('a range is answered with that part', async () => {
  const { status, headers, body } = await ask(front.port, '/digits.txt', { headers: { range: 'bytes=2-4' } });
  assert.equal(status, 206);
  assert.equal(headers['content-range'], 'bytes 2-4/10');
  assert.equal(String(body), '234');
});

test('a range beyond the end is 416 and names the length', async () => {
  const { status, headers } = await ask(front.port, '/digits.txt', { headers: { range: 'bytes=20-' } });
  assert.equal(status, 416);
  assert.equal(headers['content-range'], 'bytes */10');
});

test('an unchanged file is 304 by etag and by date', async () => {
  const { etag, 'last-modified': date } = (await ask(front.port, '/digits.txt')).headers;
  assert.ok(etag && date);
  for (const headers of [{ 'if-none-match': etag }, { 'if-modified-since': date }]) {
    const { status, body } = await ask(front.port, '/digits.txt', { headers });
    assert.equal(status, 304);
    assert.equal(body.length, 0);
  }
  const changed = await ask(front.port, '/digits.txt', { headers: { 'if-none-match': '"other"' } });
  assert.equal(changed.status, 200);
});

test('HEAD has the header and no body', async () => {
  const { status, headers, body } = await ask(front.port, '/digits.txt', { method: 'HEAD' });
  assert.equal(status, 200);
  assert.equal(headers['content-length'], '10');
  assert.equal(body.length, 0);
});

test('a folder without its slash is redirected, the query kept, never to another host', async () => {
  const { status, headers } = await ask(front.port, '/docs?a=1');
  assert.equal(status, 301);
  assert.equal(headers.location, '/docs/?a=1');
  assert.equal((await ask(front.port, '//docs')).headers.location, '/docs/');
});

test('a folder without an index is forbidden', async () => {
  const { status, body } = await ask(front.port, '/empty/');
  assert.equal(status, 403);
  assert.match(String(body), /neither index\.php nor index\.html/);
});

test('other methods on a file are refused with what is allowed', async () => {
  for (const method of ['POST', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await ask(front.port, '/digits.txt', { method });
    assert.equal(status, 405, method);
    assert.equal(headers.allow, 'GET, HEAD');
  }
  assert.equal((await ask(front.port, '/digits.txt', { method: 'TRACE' })).status, 405);
});

test('two Host fields are a bad request', async () => {
  const answer = await sendRaw(
    front.port,
    'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n',
  );
  assert.match(answer, /^HTTP\/1\.1 400 /);
});
