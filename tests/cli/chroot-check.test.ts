/** `-t` and `-tt` tell of a chroot that the pool's user cannot enter, which the start would refuse. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync } from 'node:fs';
import { test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { cleanEnv, run, serverCommand } from '../harness/server.ts';

test('a chroot that the user cannot enter is named with the remedy; a closed folder above it is none', {
  skip: requires('root'),
}, async () => {
  using folder = new TestFolder();
  const root = folder.mkdir('closed/root', 0o710);
  chmodSync(folder.join('closed'), 0o700);
  const pool = `[www]\nuser = www-data\nlisten = ${folder.join('www.sock')}\npm = static\npm.max_children = 1\nchroot = ${root}\n`;
  const file = folder.write('fpm.conf', `[global]\nerror_log = ${folder.join('error.log')}\n${pool}`);
  const tryOut = (flag: string) =>
    run(serverCommand('hathi'), [flag, '-y', file], { env: cleanEnv(), cwd: folder.path });
  const said = (level: string) =>
    new RegExp(
      `${level}: \\[pool www\\] the pool's user \\(uid 33, gid 33\\) cannot enter the chroot '.*': run chmod o\\+x '`,
    );
  const refused = await tryOut('-tt');
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, said('ERROR'));
  const warned = await tryOut('-t');
  assert.equal(warned.code, 0);
  assert.match(warned.stderr, said('WARNING'));
  // Its group, itself, everybody, and a list, of which the host finds out.
  for (const open of [
    () => chownSync(root, 0, 33),
    () => chownSync(root, 33, 0),
    () => {
      chownSync(root, 0, 0);
      chmodSync(root, 0o701);
    },
    () => {
      chmodSync(root, 0o700);
      execFileSync('setfacl', ['-m', 'u:www-data:x', root]);
    },
  ]) {
    open();
    const fine = await tryOut('-tt');
    assert.equal(fine.code, 0, fine.stderr);
    assert.doesNotMatch(fine.stderr, /chroot '.*run chmod/);
  }
});
