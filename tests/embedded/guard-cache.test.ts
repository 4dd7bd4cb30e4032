import assert from 'node:assert/strict';
import { readdirSync, readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { GuardCache } from '../../src/engine/embedded/php/guard-cache.ts';
import { TestFolder } from '../harness/folder.ts';

/** A cache in a folder of its own, a file, and how often something was made of it. */
function setUp(folder: TestFolder): {
  get: (circumstances?: string) => string;
  made: () => number;
  file: string;
} {
  let made = 0;
  const file = folder.write('module', 'content');
  const place = folder.mkdir('cache');
  const make = (bytes: Buffer): Buffer => {
    made += 1;
    return Buffer.from(bytes.toString().toUpperCase());
  };
  return {
    get: (circumstances = '') => new GuardCache(place).get(file, circumstances, make).toString(),
    made: () => made,
    file,
  };
}

test('what was made of a file is made once', () => {
  using folder = new TestFolder();
  const { get, made } = setUp(folder);
  assert.deepEqual([get(), get(), get(), made()], ['CONTENT', 'CONTENT', 'CONTENT', 1]);
  assert.equal(readdirSync(folder.join('cache')).length, 1);
});

test('another file, another time or other circumstances make it anew, in its place', () => {
  using folder = new TestFolder();
  const { get, made, file } = setUp(folder);
  get();
  utimesSync(file, 1_000_000_000, 1_000_000_000);
  get();
  writeFileSync(file, 'changed');
  assert.equal(get(), 'CHANGED');
  get('another stack');
  assert.equal(made(), 4);
  assert.equal(readdirSync(folder.join('cache')).length, 1);
});

for (const [what, spoil] of [
  ['cut off', (file: string) => truncateSync(file, 82)],
  ['empty', (file: string) => truncateSync(file, 0)],
  ['longer', (file: string) => writeFileSync(file, `${readFileSync(file, 'latin1')}more`)],
  ['something else', (file: string) => writeFileSync(file, 'x'.repeat(1000))],
] as const) {
  test(`what is ${what} is not taken`, () => {
    using folder = new TestFolder();
    const { get, made } = setUp(folder);
    get();
    const [name = ''] = readdirSync(folder.join('cache'));
    spoil(folder.join('cache', name));
    assert.deepEqual([get(), get(), made()], ['CONTENT', 'CONTENT', 2]);
  });
}

test('with a folder that cannot be written to it is made each time', () => {
  using folder = new TestFolder();
  const file = folder.write('module', 'content');
  const cache = new GuardCache(folder.join('no/folder'));
  for (let time = 0; time < 2; time += 1) {
    assert.equal(cache.get(file, '', (bytes) => Buffer.concat([bytes, bytes])).toString(), 'contentcontent');
  }
  assert.throws(() => new GuardCache(folder.path).get(folder.join('missing'), '', (bytes) => bytes), {
    code: 'ENOENT',
  });
});
