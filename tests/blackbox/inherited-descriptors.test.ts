/** Descriptors that the master was started with, as from a shell or a package's script: nobody below it has them. */
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { withDaemon } from '../differential/daemon.ts';
import { RunningCommand } from '../harness/child.ts';
import { testEngines } from '../harness/engines.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { descendants } from '../harness/processes.ts';
import { cleanEnv, isRoot, serverCommand, serverKind, startServer } from '../harness/server.ts';
import { freePort } from '../harness/web-server.ts';

/** The reference hands on what it has. */
const options = { skip: serverKind === 'php-fpm' && 'the reference passes them on' };

/** A low and a high number, a lock, one end of a FIFO, a folder; `secret` is in each name. */
const shell = `
mkfifo www/secret-fifo; : >www/secret-a; : >www/secret-lock; mkdir www/secret-folder
exec 3<www/secret-a 9<www/secret-a 57>www/secret-lock 251<www/secret-folder 77<>www/secret-fifo
flock 57
exec "$@"`;
const through = ['/bin/bash', '-c', shell, 'bash'];

/** Open files of the process by number. */
function openFiles(pid: number): Map<number, string> {
  const folder = `/proc/${pid}/fd`;
  return new Map(readdirSync(folder).map((fd) => [Number(fd), readlinkSync(`${folder}/${fd}`)]));
}

/** Open files of a script's command. */
const listing = `<?php echo shell_exec('readlink /proc/self/fd/*');`;

function assertNoneBelow(pid: number): void {
  for (const id of [{ pid }, ...descendants(pid)]) {
    for (const [fd, target] of openFiles(id.pid)) {
      assert.doesNotMatch(target, /secret/, `descriptor ${fd} of the process ${id.pid}`);
    }
  }
}

testEngines('-F: nothing that the caller had open is open below', options, async (engine) => {
  await using server = await startServer({ engine, through, pools: poolText });
  const script = server.folder.write('www/list.php', listing);
  const listed = (await request(server.socket(), scriptParams(script))).body.toString();
  // PHP has its script open, as in php-fpm.
  assert.match(listed, /^(\/dev\/null|pipe:\[\d+\]|socket:\[\d+\]|.*\/list.php|\/proc\/\d+\/fd|\n)+$/);
  assertNoneBelow(server.pid);
  await server.stop();
});

test('-D: neither, and the caller is not held by them', options, async () => {
  const text = (folder: TestFolder): string =>
    `[global]\npid = ${folder.join('run/server.pid')}\nerror_log = ${folder.join('error.log')}\n${poolText(folder)}`;
  await withDaemon(
    'hathi',
    text,
    async ({ pid, caller }) => {
      assert.equal(caller.code, 0, caller.stderr);
      assert.ok(descendants(pid).length > 0);
      assertNoneBelow(pid);
    },
    through,
  );
});

test('hathi serve: neither', options, async () => {
  using folder = new TestFolder();
  folder.write('www/index.php', listing);
  const port = await freePort();
  const [command = '', ...first] = through;
  const root = isRoot ? ['--user', 'www-data'] : [];
  const args = [...first, serverCommand('hathi'), 'serve', '--port', String(port), ...root, 'www'];
  await using serve = new RunningCommand(command, args, { cwd: folder.path, env: cleanEnv() });
  await serve.says(/http:/);
  assert.doesNotMatch(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /secret/);
  assertNoneBelow(serve.pid);
  assert.equal(await serve.stop(), 0);
});
