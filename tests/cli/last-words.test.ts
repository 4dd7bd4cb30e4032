import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { checkout, TestFolder } from '../harness/folder.ts';

for (const [what, fault] of [
  ['an exception in a callback', `setImmediate(() => { throw new TypeError('no such thing'); });`],
  ['a promise that nobody waits for', `Promise.reject(new TypeError('no such thing'));`],
] as const) {
  test(`${what} ends the master with its reason in the log, and its caller is told`, () => {
    using folder = new TestFolder();
    const path = folder.join('error.log');
    const source = `
      const { ErrorLog } = await import('${checkout}/src/log/error-log.ts');
      const { LaunchReport } = await import('${checkout}/src/boot/daemonize.ts');
      const { reportFaults } = await import('${checkout}/src/boot/last-words.ts');
      const log = new ErrorLog();
      log.open({ kind: 'file', path: '${path}', useStderr: false });
      reportFaults(log, LaunchReport.fromEnvironment({ HATHI_STATUS_FD: '3' }));
      ${fault}
      setInterval(() => {}, 1000);`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.deepEqual([child.signal, child.output[3]], ['SIGABRT', '0']);
    const lines = readFileSync(path, 'utf8').split('\n');
    assert.match(lines[0] ?? '', /ALERT: the master failed and ends: no such thing$/);
    assert.match(lines[1] ?? '', /ALERT: at /);
  });
}
