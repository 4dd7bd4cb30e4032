import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { grantReadWrite, removeGrants } from '../../src/posix/acl.ts';

const skip = spawnSync('getfacl', ['--version']).error === undefined ? false : 'needs getfacl (package acl)';

function fileFor(t: { after: (action: () => void) => void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'hathi-acl-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'file');
  writeFileSync(path, '');
  chmodSync(path, 0o640);
  return path;
}

function getfacl(path: string): string[] {
  const text = execFileSync('getfacl', ['-cnp', path], { encoding: 'utf8' });
  return text.trim().split('\n');
}

test('named users and groups may read and write, the others stay as they were', { skip }, (t) => {
  const path = fileFor(t);
  grantReadWrite(path, [65_534, 33, 33], [4]);
  assert.deepEqual(getfacl(path), [
    'user::rw-',
    'user:33:rw-',
    'user:65534:rw-',
    'group::r--',
    'group:4:rw-',
    'mask::rw-',
    'other::---',
  ]);
});

test('a list can be taken away, and taking away none is no error', { skip }, (t) => {
  const path = fileFor(t);
  grantReadWrite(path, [33], []);
  removeGrants(path);
  removeGrants(path);
  chmodSync(path, 0o600);
  assert.deepEqual(getfacl(path), ['user::rw-', 'group::---', 'other::---']);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a file system without lists says so', () => {
  assert.throws(() => grantReadWrite('/proc/self/comm', [33], []), {
    syscall: 'setxattr',
    code: 'ENOTSUP',
  });
});
