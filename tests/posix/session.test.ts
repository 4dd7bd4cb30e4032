import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withUmask } from '../../src/posix/session.ts';
import { runInChild } from './child.ts';

test('a mask holds for one action, also when that fails', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'hathi-umask-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const before = process.umask();
  withUmask(0o027, () => writeFileSync(join(folder, 'file'), ''));
  assert.equal(statSync(join(folder, 'file')).mode & 0o777, 0o640);
  assert.throws(() =>
    withUmask(0o777, () => {
      throw new Error('the action fails');
    }),
  );
  assert.equal(process.umask(), before);
});

test('a new session is led by this process, and asking again is no failure', () => {
  const result = runInChild(`
    const { newSession } = await posix('session.ts');
    const { readFileSync } = await import('node:fs');
    const first = newSession();
    const session = Number(readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[3]);
    say({ first, second: newSession(), leads: session === process.pid });
  `);
  assert.deepEqual(result, { first: true, second: false, leads: true });
});
