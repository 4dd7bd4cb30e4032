/** The rules of glibc that the engine's C library does not have: locales, character sets, patterns. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { expandBraces } from '../../src/engine/embedded/php/braces.ts';
import { sourceCharset, targetCharset, withoutAccents } from '../../src/engine/embedded/php/iconv-names.ts';
import { LocaleNames } from '../../src/engine/embedded/php/locale-names.ts';

suite('locales', () => {
  const [characters, numbers, time, all] = [0, 1, 2, 6] as const;

  test('only C, POSIX and C.UTF-8 are there, in the spellings of glibc', () => {
    const rows: readonly (readonly [given: string, found: string | undefined])[] = [
      ['C', 'C'],
      ['POSIX', 'C'],
      ['C.UTF-8', 'C.UTF-8'],
      ['C.utf8', 'C.utf8'],
      ['', 'C'],
      ...['c', 'c.UTF-8', 'de_DE.UTF-8', 'de_DE', 'nosuch', 'C.ISO-8859-1', '/etc', 'C;C', 'x\0y'].map(
        (name) => [name, undefined] as const,
      ),
    ];
    for (const [given, found] of rows) {
      const names = new LocaleNames();
      assert.equal(names.set(time, given, {}), found, given);
      assert.equal(names.current(time), found ?? 'C', given);
    }
  });

  test('LC_ALL is one name, or all of them where they differ', () => {
    const names = new LocaleNames();
    const start = names.current(all) ?? '';
    assert.match(start, /^LC_CTYPE=C\.UTF-8;LC_NUMERIC=C;LC_TIME=C;.*;LC_IDENTIFICATION=C$/);
    assert.equal(names.set(all, 'POSIX', {}), 'C');
    assert.equal(names.set(all, start, {}), start);
    assert.equal(names.set(all, 'LC_CTYPE=C;LC_TIME=C', {}), undefined);
    assert.equal(names.set(all, start.replace('LC_TIME=C', 'LC_TIME=de_DE'), {}), undefined);
    assert.equal(names.set(all, 'C.UTF-8', {}), 'C.UTF-8');
    assert.equal(names.set(numbers, 'C', {}), 'C');
    assert.match(names.current(all) ?? '', /LC_NUMERIC=C;LC_TIME=C\.UTF-8/);
    names.reset();
    assert.equal(names.current(all), start);
  });

  test('an empty name asks the environment: LC_ALL, the category, LANG', () => {
    const ask = (env: Record<string, string>, category: number = time): string | undefined =>
      new LocaleNames().set(category, '', env);
    assert.equal(ask({ LANG: 'C.UTF-8' }), 'C.UTF-8');
    assert.equal(ask({ LANG: 'de_DE.UTF-8' }), undefined);
    assert.equal(ask({ LANG: 'de_DE', LC_TIME: 'C.utf8' }), 'C.utf8');
    assert.equal(ask({ LANG: 'de_DE', LC_TIME: 'C.utf8' }, characters), undefined);
    assert.equal(ask({ LC_ALL: 'POSIX', LC_TIME: 'C.utf8' }), 'C');
  });

  test('an unknown category has none', () => {
    for (const category of [-1, 7, 12, 99]) assert.equal(new LocaleNames().set(category, 'C', {}), undefined);
  });
});

suite('character sets', () => {
  test('without a mark are in the order of the machine, marks are obeyed', () => {
    assert.equal(sourceCharset('UTF-16', 'a\0'), 'UTF-16LE');
    assert.equal(sourceCharset('utf16', '\xfe\xff\0a'), 'UTF-16');
    assert.equal(sourceCharset('UNICODE', '\xff\xfea\0'), 'UTF-16');
    assert.equal(sourceCharset('UCS-2', '\xff\xfea\0'), 'UCS-2LE');
    assert.equal(sourceCharset('UTF-32', 'a\0\0\0'), 'UTF-32LE');
    assert.equal(sourceCharset('UTF-32', '\0\0\xfe\xff\0\0\0a'), 'UTF-32');
    for (const name of ['UTF-16BE', 'UTF-8', 'latin1', 'nosuch']) assert.equal(sourceCharset(name, ''), name);
  });

  test('begin with a mark where glibc writes one', () => {
    assert.deepEqual(targetCharset('utf-16'), { name: 'UTF-16LE', mark: '\xff\xfe' });
    assert.deepEqual(targetCharset('UTF-32//IGNORE'), { name: 'UTF-32LE//IGNORE', mark: '\xff\xfe\0\0' });
    assert.deepEqual(targetCharset('UCS-2'), { name: 'UCS-2LE', mark: '' });
    assert.deepEqual(targetCharset('ASCII//TRANSLIT'), { name: 'ASCII//TRANSLIT', mark: '' });
  });

  test('accents are dropped on the way to ASCII, and only there', () => {
    const bytes = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');
    const convert = (text: string, to = 'ASCII//TRANSLIT', from = 'UTF-8'): string =>
      Buffer.from(withoutAccents(from, to, bytes(text)), 'latin1').toString('utf8');
    assert.equal(convert('Ünïcödé ñ Ř ộ'), 'Unicode n R o');
    assert.equal(convert('ßø日本 한 €'), 'ßø日本 한 €');
    for (const to of ['ISO-8859-1//TRANSLIT', 'ASCII', 'ASCII//IGNORE']) assert.equal(convert('é', to), 'é');
    assert.equal(convert('é', 'us-ascii//IGNORE//TRANSLIT'), 'e');
    assert.equal(convert('é', 'ASCII//TRANSLIT', 'ISO-8859-1'), 'é');
    assert.equal(withoutAccents('UTF-8', 'ASCII//TRANSLIT', 'a\xff\xc3\xa9'), 'a\xff\xc3\xa9');
  });
});

test('alternatives in a pattern of glob()', () => {
  const rows: readonly (readonly [pattern: string, ...found: string[]])[] = [
    ['a*', 'a*'],
    ['{a,b}.c', 'a.c', 'b.c'],
    ['{a,{b,c}d}{1,2}', 'a1', 'a2', 'bd1', 'bd2', 'cd1', 'cd2'],
    ['x{,y}', 'x', 'xy'],
    ['{}z', 'z'],
    ['{a', '{a'],
    ['a}', 'a}'],
    ['{a,{b}', '{a,{b}'],
    ['\\{a,b}', '\\{a,b}'],
    ['{a\\,b,c}', 'a\\,b', 'c'],
  ];
  for (const [pattern, ...found] of rows) assert.deepEqual([...expandBraces(pattern, true)], found, pattern);
  assert.deepEqual([...expandBraces('\\{a,b}', false)], ['\\a', '\\b']);
});
