/** Commands whose output nobody takes: a full disk is an error without a stack trace, a reader that has gone is none. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { TestFolder } from '../harness/folder.ts';
import { cleanEnv, serverCommand } from '../harness/server.ts';

for (const args of [
  ['php', 'list'],
  ['build', '--help'],
  ['serve', '--help'],
  ['top', '--help'],
]) {
  test(`hathi ${args.join(' ')} on a full disk ends without a stack trace`, () => {
    const full = openSync('/dev/full', 'w');
    try {
      const { status, stderr } = spawnSync(serverCommand('hathi'), args, {
        stdio: ['ignore', full, 'pipe'],
        env: cleanEnv(),
        encoding: 'utf8',
      });
      assert.equal(status, 1);
      assert.match(
        stderr,
        new RegExp(`^(hathi ${args[0]}: cannot write: ENOSPC: no space left on device, write\n)+$`),
      );
    } finally {
      closeSync(full);
    }
  });
}

test('a reader that has gone is no error', () => {
  // The right side has ended before the left one, which waits for it, writes.
  const script = `mkfifo "$1"; { read -r _ < "$1"; "$2" php list; echo $? > "$1.code"; } | { exec <&-; echo go > "$1"; }; cat "$1.code"`;
  using folder = new TestFolder();
  const { stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', script, 'sh', folder.join('go'), serverCommand('hathi')],
    {
      env: cleanEnv(),
      encoding: 'utf8',
    },
  );
  assert.deepEqual([stdout, stderr], ['0\n', '']);
});
