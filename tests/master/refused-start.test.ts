/** A start that fails leaves nothing, whatever failed, and `-tt` refuses the same. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { ConfigurationTester } from '../harness/configuration-tester.ts';
import { TestFolder } from '../harness/folder.ts';
import { poolText } from '../harness/pool.ts';
import { cleanEnv, run, serverCommand } from '../harness/server.ts';
import { type Fault, faults, poolNames, takenPort } from './refused.ts';

function configuration(to: TestFolder, port: number, fault: Fault): string {
  const at = (place: Fault['at']): string => (fault.at === place ? fault.line(to, port) : '');
  const pools = poolNames.map((name) =>
    poolText(to, name, `pm.status_listen = ${to.join(`run/${name}.status`)}\n${at(name)}`),
  );
  const global = `pid = ${to.join('run/x.pid')}\nerror_log = ${to.join('log/error.log')}`;
  return `[global]\n${global}\nadmin.listen = ${to.join('run/admin.sock')}\n${at('global')}\n${pools.join('')}`;
}

test('a start that is refused leaves nothing, and -tt refuses it as well', async () => {
  const { port, server: other } = await takenPort();
  using folder = new TestFolder();
  for (const name of ['run', 'log', 'runtime', 'tmp']) folder.mkdir(name, 0o777);
  const env = cleanEnv({ TMPDIR: folder.join('tmp'), HATHI_RUNTIME_DIR: folder.join('runtime') });
  await using tester = new ConfigurationTester(env);
  for (const fault of faults(['c'])) {
    const file = folder.write('fpm.conf', configuration(folder, port, fault));
    // One after the other: the test of a configuration sees the sockets of a start.
    const start = await run(serverCommand('hathi'), ['-F', '-O', '-y', file], { env, cwd: folder.path });
    const strict = await tester.test(file, '-tt', folder.path);
    assert.equal(start.code, 78, `${fault.what}: ${start.stderr}`);
    assert.match(start.stderr, fault.reason);
    assert.equal(strict.code, fault.isMentionedByTest ? 0 : 78, `${fault.what}: ${strict.stderr}`);
    if (!fault.isMentionedByTest) assert.match(strict.stderr, fault.reason);
    for (const name of ['run', 'runtime', 'tmp']) {
      assert.deepEqual(readdirSync(folder.join(name)), [], `${fault.what}: ${name}`);
    }
  }
  other.close();
});
