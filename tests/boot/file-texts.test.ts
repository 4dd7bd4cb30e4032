/** The texts of files are those on disk, whatever stat(2) does not show. */
import assert from 'node:assert/strict';
import {
  type BigIntStats,
  lstatSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FileTexts, type TextSource } from '../../src/boot/file-texts.ts';
import { TestFolder } from '../harness/folder.ts';

/** The real file system, with a clock of the test's own; counts what is read. */
class Watched implements TextSource {
  time = 0;
  reads = 0;
  /** The file system's clock stands still: the times of all files. */
  stopped: bigint | undefined;

  readonly lstat = (path: Buffer): BigIntStats => this.#stop(lstatSync(path, { bigint: true }));
  readonly stat = (path: Buffer): BigIntStats => this.#stop(statSync(path, { bigint: true }));
  readonly read = (path: Buffer): string => {
    this.reads++;
    return readFileSync(path, 'latin1');
  };
  readonly now = (): number => this.time;

  #stop(stats: BigIntStats): BigIntStats {
    if (this.stopped !== undefined) Object.assign(stats, { ctimeNs: this.stopped, mtimeNs: this.stopped });
    return stats;
  }
}

function settled(folder: TestFolder, file = 'a.conf'): { source: Watched; texts: FileTexts; path: string } {
  const source = new Watched();
  const texts = new FileTexts(source);
  const path = join(folder.path, file);
  for (const time of [0, 3000]) {
    source.time = time;
    texts.read(path);
  }
  source.reads = 0;
  return { source, texts, path };
}

test('a file that stays as it is is read twice, and never again', () => {
  using folder = new TestFolder();
  folder.write('a.conf', 'one');
  const { source, texts, path } = settled(folder);
  for (const time of [3001, 10_000, 100_000]) {
    source.time = time;
    assert.equal(texts.read(path), 'one');
  }
  assert.equal(source.reads, 0);
  assert.ok(texts.isPlain(path));
});

test('what is written in the tick of the last look, with the same length, is seen', () => {
  using folder = new TestFolder();
  const source = new Watched();
  const texts = new FileTexts(source);
  source.stopped = 1n;
  const path = folder.write('a.conf', 'one');
  assert.equal(texts.read(path), 'one');
  writeFileSync(path, 'two');
  source.time = 1000;
  assert.equal(texts.read(path), 'two');
  writeFileSync(path, 'six');
  source.time = 2499;
  assert.equal(texts.read(path), 'six');
  // By now the tick of these times is over on any file system: what is read now stays.
  source.time = 2500;
  assert.equal(texts.read(path), 'six');
  assert.equal(texts.read(path), 'six');
  assert.equal(source.reads, 4);
});

test('a file that is written, replaced, touched, linked or gone is read again', () => {
  using folder = new TestFolder();
  const changes: readonly (readonly [
    what: string,
    change: (path: string) => void,
    text: string | undefined,
  ])[] = [
    ['written in place with the same length', (path) => writeFileSync(path, 'two'), 'two'],
    ['replaced by rename', (path) => renameSync(folder.write('b.conf', 'two'), path), 'two'],
    [
      'replaced by an older file of the same length and times',
      (path) => {
        const { atime, mtime } = statSync(path);
        const other = folder.write('b.conf', 'two');
        utimesSync(other, atime, mtime);
        renameSync(other, path);
      },
      'two',
    ],
    [
      'put back to its time of modification',
      (path) => {
        const { atime, mtime } = statSync(path);
        writeFileSync(path, 'two');
        utimesSync(path, atime, mtime);
      },
      'two',
    ],
    [
      'replaced by a link',
      (path) => {
        const target = folder.write('target.conf', 'two');
        rmSync(folder.join('a.conf'), { recursive: true, force: true });
        symlinkSync(target, path);
      },
      'two',
    ],
    ['gone', () => rmSync(folder.join('a.conf'), { recursive: true, force: true }), undefined],
    [
      'a folder',
      (path) => {
        rmSync(folder.join('a.conf'), { recursive: true, force: true });
        folder.mkdir('a.conf');
        assert.ok(statSync(path).isDirectory());
      },
      undefined,
    ],
  ];
  for (const [what, change, text] of changes) {
    rmSync(folder.join('a.conf'), { recursive: true, force: true });
    folder.write('a.conf', 'one');
    const { texts, path } = settled(folder);
    change(path);
    if (text === undefined) assert.throws(() => texts.read(path), what);
    else assert.equal(texts.read(path), text, what);
    rmSync(folder.join('a.conf'), { recursive: true, force: true });
    folder.write('a.conf', 'new');
    assert.equal(texts.read(path), 'new', what);
  }
});

test('of a link the target counts, and another target is seen', () => {
  using folder = new TestFolder();
  folder.write('one.conf', 'one');
  folder.write('two.conf', 'two');
  symlinkSync(folder.join('one.conf'), folder.join('a.conf'));
  const { source, texts, path } = settled(folder);
  assert.equal(texts.read(path), 'one');
  assert.equal(source.reads, 0);
  assert.equal(texts.isPlain(path), false);
  folder.write('one.conf', 'six');
  assert.equal(texts.read(path), 'six');
  rmSync(folder.join('a.conf'), { recursive: true, force: true });
  symlinkSync(folder.join('two.conf'), path);
  assert.equal(texts.read(path), 'two');
});

test('errors are those of reading, and what is not asked for any more is forgotten', () => {
  using folder = new TestFolder();
  folder.write('a.conf', 'one');
  const { source, texts, path } = settled(folder);
  assert.throws(() => texts.read(folder.join('none')), { code: 'ENOENT', syscall: 'open' });
  assert.throws(() => texts.read(folder.path), { code: 'EISDIR', syscall: 'read' });
  texts.retain({ [path]: 'one' });
  texts.read(path);
  assert.equal(source.reads, 2);
  texts.retain({});
  assert.equal(texts.read(path), 'one');
  assert.equal(source.reads, 3);
});
