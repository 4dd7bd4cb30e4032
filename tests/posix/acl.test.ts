import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { grantReadWrite, hasGrants, removeGrants } from '../../src/posix/acl.ts';

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
  grantReadWrite(path, 0o640, { users: [65_534, 33, 33], groups: [4] });
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
  grantReadWrite(path, 0o640, { users: [33], groups: [] });
  removeGrants(path);
  removeGrants(path);
  chmodSync(path, 0o600);
  assert.deepEqual(getfacl(path), ['user::rw-', 'group::---', 'other::---']);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a list is recognized, whatever the order of its ids', { skip }, (t) => {
  const path = fileFor(t);
  const grants = { users: [65_534, 33], groups: [4] };
  assert.equal(hasGrants(path, 0o640, undefined), true);
  assert.equal(hasGrants(path, 0o640, grants), false);
  grantReadWrite(path, 0o640, grants);
  assert.equal(hasGrants(path, 0o640, { users: [33, 65_534], groups: [4] }), true);
  assert.equal(hasGrants(path, 0o640, { users: [33], groups: [4] }), false);
  assert.equal(hasGrants(path, 0o600, grants), false);
  assert.equal(hasGrants(path, 0o640, undefined), false);
  assert.equal(hasGrants('/proc/self/comm', 0o640, undefined), true);
});

test('a file system without lists says so', () => {
  assert.throws(() => grantReadWrite('/proc/self/comm', 0o640, { users: [33], groups: [] }), {
    syscall: 'setxattr',
    code: 'ENOTSUP',
  });
});
