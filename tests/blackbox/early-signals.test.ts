/** Signals that reach the master before it has read its configuration: kept until it serves, as php-fpm blocks them. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, renameSync } from 'node:fs';
import { test } from 'node:test';
import { TestFolder } from '../harness/folder.ts';
import { LogLines } from '../harness/log-lines.ts';
import { poolText } from '../harness/pool.ts';
import { adopt, exited, killTree } from '../harness/processes.ts';
import { cleanEnv, serverCommand, serverKind } from '../harness/server.ts';
import { within } from '../harness/waiting.ts';

/** php-fpm leaves HUP, which Debian added, out. */
const early = serverKind === 'php-fpm' ? ['USR1', 'USR2'] : ['USR1', 'USR2', 'HUP'];

test('USR1, USR2 and HUP before the configuration is read: no death, no inspector, a reload and new logs later', async () => {
  using folder = new TestFolder();
  folder.mkdir('run', 0o777);
  const text = `[global]\nerror_log = ${folder.join('error.log')}\n${poolText(folder)}`;
  // Opening a pipe for writing blocks until it is opened for reading: then the master reads its configuration.
  const config = folder.join('server.conf');
  execFileSync('mkfifo', [config]);
  const master = spawn(serverCommand(), ['-F', '-O', '-y', config], {
    cwd: folder.path,
    env: cleanEnv(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  adopt(master);
  const log = LogLines.fromStream(master.stderr!);
  try {
    const script = `exec 3>"$1"; ${early.map((name) => `kill -${name} $2`).join('; ')}; echo sent; cat >&3`;
    const writer = spawn('sh', ['-c', script, 'sh', config, String(master.pid)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    adopt(writer);
    await within(once(writer.stdout!, 'data'), () => `the master's first read:\n${log.text()}`);
    // The reload reads an ordinary file.
    renameSync(folder.write('again.conf', text), config);
    writer.stdin!.end(text);
    await log.waitFor(/NOTICE: error log file re-opened$/);
    await log.waitFor(/NOTICE: Reloading in progress \.\.\.$/);
    const from = log.mark();
    await log.waitFor(/NOTICE: ready to handle connections$/, from);
    assert.doesNotMatch(log.text(), /Debugger/);
    master.kill('SIGTERM');
    await within(exited(master), () => `the end of the master:\n${log.text()}`);
    assert.equal(master.exitCode, 0);
    assert.equal(existsSync(folder.join('run/www.sock')), false);
  } finally {
    await killTree(master);
    log.close();
  }
});
