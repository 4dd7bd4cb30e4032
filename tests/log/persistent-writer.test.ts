import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PersistentWriter } from '../../src/log/persistent-writer.ts';
import { duplicateOnto } from '../../src/posix/descriptors.ts';
import { folderFor } from './support.ts';

test('lost lines are counted, reported once when they begin and once when they end', (t) => {
  const path = join(folderFor(t), 'log');
  // The number first names a full disk and later a file: what a disk does when room is made.
  const fd = openSync('/dev/full', 'a');
  t.after(() => closeSync(fd));
  const failures: string[] = [];
  const writer = new PersistentWriter(fd, {
    onFailure: (error) => failures.push(String((error as { code?: unknown }).code)),
    lossReport: (lines, error) => Buffer.from(`lost ${lines}: ${(error as { code?: unknown }).code}\n`),
  });
  writer.write(Buffer.from('one\n'), 1);
  writer.write(Buffer.from('two\nthree\n'), 2);
  assert.deepEqual(failures, ['ENOSPC']);
  const file = openSync(path, 'a');
  duplicateOnto(file, fd);
  closeSync(file);
  writer.write(Buffer.from('four\n'), 1);
  writer.write(Buffer.from('five\n'), 1);
  assert.equal(readFileSync(path, 'utf8'), 'lost 3: ENOSPC\nfour\nfive\n');
  assert.equal(writer.failure, undefined);
});
