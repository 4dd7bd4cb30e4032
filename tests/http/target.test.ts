import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodePath, parseTarget } from '../../src/http/target.ts';

const accepted: [raw: string, path: string, query?: string][] = [
  ['/', '/'],
  ['/a/b?x=1&y=?', '/a/b', 'x=1&y=?'],
  ['/a?', '/a'],
  ['/a%20b', '/a b'],
  ['/%E0%A4', '/\xe0\xa4'],
  ['//a///b//', '/a/b/'],
  ['/a/./b/../c', '/a/c'],
  ['/a/..', '/'],
  ['/a/b/..', '/a/'],
  ['/a/.', '/a/'],
  ['/a/b/%2e%2e/c', '/a/c'],
  ['/a%2f..%2fb', '/b'],
  ['/...', '/...'],
  ['/a#b?c', '/a'],
  ['/%252e%252e/x', '/%2e%2e/x'],
  ['http://host:80/a?b', '/a', 'b'],
  ['http://host?b', '/', 'b'],
];

for (const [raw, path, query = ''] of accepted) {
  test(`"${raw}" means "${path}"`, () => {
    const target = parseTarget(raw);
    assert.ok('path' in target, 'refused');
    assert.equal(target.path, path);
    assert.equal(target.query, query);
  });
}

const refused: [raw: string, reason: RegExp][] = [
  ['/..', /leaves/],
  ['/a/../../etc/passwd', /leaves/],
  ['/%2e%2e/%2e%2e/etc/passwd', /leaves/],
  ['/..%2f..%2fetc/passwd', /leaves/],
  ['/a%00.php', /NUL/],
  ['/..\\..\\etc', /backslash/],
  ['/a%5c..%5cb', /backslash/],
  ['/%', /percent/],
  ['/%zz', /percent/],
  ['/%4', /percent/],
  ['*', /neither/],
  ['', /neither/],
  ['etc/passwd', /neither/],
];

for (const [raw, reason] of refused) {
  test(`"${raw}" is refused`, () => {
    const target = parseTarget(raw);
    assert.ok('status' in target, `taken as "${'path' in target ? target.path : ''}"`);
    assert.equal(target.status, 400);
    assert.match(target.reason, reason);
  });
}

test('an absolute target names its authority', () => {
  const target = parseTarget('http://other.example:81/a');
  assert.ok('path' in target);
  assert.equal(target.authority, 'other.example:81');
});

test('no target of any form climbs above the root', () => {
  const piece = fc.constantFrom(
    '..',
    '.',
    '%2e',
    '%2E%2e',
    '/',
    '%2f',
    '//',
    'a',
    '%',
    '%25',
    '\\',
    '%5C',
    '%00',
    '?',
    '#',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const target = parseTarget(`/${pieces.join('')}`);
      if ('status' in target) return;
      assert.match(target.path, /^\//);
      assert.doesNotMatch(target.path, /\/\.{1,2}(\/|$)|\/\/|[\0\\]/);
    }),
  );
});

test('an encoded path decodes to itself', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
      const path = `/${Buffer.from(bytes)
        .toString('latin1')
        .replaceAll(/[\0\\/.]/g, '_')}`;
      const target = parseTarget(encodePath(path));
      assert.ok('path' in target);
      assert.equal(target.path, path);
    }),
  );
});
