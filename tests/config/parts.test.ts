import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { glob } from '../../src/config/glob.ts';
import { expandChroot, expandPath, isUnixAddress } from '../../src/config/paths.ts';
import { editDistance, nearest } from '../../src/config/suggest.ts';
import { fakeSystem } from './fake-system.ts';

describe('glob', () => {
  const system = fakeSystem({
    '/d/b.conf': '',
    '/d/a.conf': '',
    '/d/.h.conf': '',
    '/d/a-c': '',
    '/d/e/x.conf': '',
    '/d/f/': '',
    '/d/[x]': '',
  });
  const ROWS: readonly (readonly [pattern: string, ...paths: string[]])[] = [
    ['/d/*.conf', '/d/a.conf', '/d/b.conf'],
    ['/d/?.conf', '/d/a.conf', '/d/b.conf'],
    ['/d/[!a]*.conf', '/d/b.conf'],
    ['/d/[a-b].conf', '/d/a.conf', '/d/b.conf'],
    ['/d/[b-a].conf'],
    ['/d/.*.conf', '/d/.h.conf'],
    ['/d/*/x.conf', '/d/e/x.conf'],
    ['/d/*/no/*.conf'],
    ['/d/a.conf', '/d/a.conf'],
    ['/d/no.conf'],
    ['/d', '/d'],
    ['/d/\\[x\\]', '/d/[x]'],
    ['/d/['],
    ['/d/a.co[n]f', '/d/a.conf'],
  ];
  for (const [pattern, ...paths] of ROWS) {
    test(pattern, () => assert.deepEqual(glob(pattern, system), { paths }));
  }

  test('a folder that is not there is an error where it would have to be searched', () => {
    assert.deepEqual(glob('/no/*.conf', system), { error: 2 });
    assert.deepEqual(glob('/no/a.conf', system), { paths: [] });
  });
});

describe('paths', () => {
  const ROWS: readonly (readonly [
    path: string,
    prefixes: Parameters<typeof expandPath>[1],
    expanded: string,
  ])[] = [
    ['/a', { pool: '/p', global: '/g' }, '/a'],
    ['a', { pool: '/p', global: '/g' }, '/p/a'],
    ['a', { pool: 'p', global: '/g' }, '/g/p/a'],
    ['a', { pool: 'p' }, '/usr/p/a'],
    ['a', { global: '/g', fallback: '/var' }, '/g/a'],
    ['a', { fallback: '/var' }, '/var/a'],
    ['a', {}, '/usr/a'],
    ['', {}, '/usr/'],
  ];
  for (const [path, prefixes, expanded] of ROWS) {
    test(`${path} behind ${JSON.stringify(prefixes)}`, () =>
      assert.equal(expandPath(path, prefixes), expanded));
  }

  test('$prefix stands at the start of a chroot only', () => {
    const prefixes = { pool: '/p' };
    const expanded = ['$prefix', '$prefix/x', 'x$prefix', 'x', '/x$prefix'].map((path) =>
      expandChroot(path, prefixes),
    );
    assert.deepEqual(expanded, ['/p', '/p//x', undefined, '/p/x', '/x$prefix']);
  });

  test('an address with a colon and a bare port are no sockets', () => {
    assert.deepEqual(['9000', ':9000', '[::]:9000', 'a.sock', '/run/a'].map(isUnixAddress), [
      false,
      false,
      false,
      true,
      true,
    ]);
  });
});

describe('suggestions', () => {
  test('distance counts insertions, deletions, replacements and swaps', () => {
    const pairs = [
      ['', ''],
      ['abc', ''],
      ['abc', 'abd'],
      ['abc', 'acb'],
      ['abc', 'xabc'],
      ['ca', 'abc'],
    ] as const;
    assert.deepEqual(
      pairs.map(([from, to]) => editDistance(from, to)),
      [0, 3, 1, 1, 1, 3],
    );
  });

  test('only near names are suggested', () => {
    const names = ['listen.mode', 'user', 'group'];
    assert.deepEqual(
      ['usr', 'MODE', 'listen.mod', 'xyz', ''].map((word) => nearest(word, names)),
      ['user', 'listen.mode', 'listen.mode', undefined, undefined],
    );
  });

  test('a very long word costs little and suggests nothing', () => {
    assert.equal(nearest('x'.repeat(1_000_000), ['user']), undefined);
  });
});
