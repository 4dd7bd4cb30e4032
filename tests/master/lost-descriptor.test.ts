/** A listening socket's descriptor that is closed under the master's hands is a fault of its pool alone. */
import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { test } from 'node:test';
import { createAdminServer } from '../../src/admin/server.ts';
import { configSystem } from '../../src/boot/config-system.ts';
import type { Configuration } from '../../src/config/directives.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { installedEngine } from '../../src/engine/choice/select.ts';
import { ErrorLog } from '../../src/log/error-log.ts';
import { Master } from '../../src/master/master.ts';
import { request, scriptParams } from '../harness/fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { cleanEnv } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';

function read(folder: TestFolder): Configuration {
  const pool = (name: string): string =>
    `[${name}]\nengine = embedded\npm = static\npm.max_children = 1\nlisten = ${folder.join(`${name}.sock`)}\n`;
  const global = `[global]\nerror_log = ${folder.join('error.log')}\nadmin.listen = off\n`;
  const file = folder.write('server.conf', global + pool('a') + pool('b'));
  const system = configSystem({ allowRoot: true, env: {}, ini: new Map() });
  const { configuration, messages } = loadConfiguration({ file }, system);
  assert.ok(configuration !== undefined, JSON.stringify(messages));
  return configuration;
}

test('a descriptor that is closed, and whose number is used again, is an ALERT of its pool; a reload mends it', async () => {
  using folder = new TestFolder();
  const lines: string[] = [];
  const said = (pattern: RegExp) =>
    poll(`${pattern}`, () => lines.find((line) => pattern.test(line)), 20_000);
  const log = new ErrorLog({ sink: (line) => lines.push(line.replace(/^\[[^\]]*\] /, '')) });
  const master = new Master({
    configuration: read(folder),
    log,
    env: cleanEnv(),
    php: () => ({ files: [], hasScanFolder: false, folder: undefined, ignored: true, defines: [] }),
    identify: () => undefined,
    engineFor: installedEngine,
    createAdminServer,
    obstacles: () => [],
    reloadConfiguration: () => ({ configuration: read(folder), problems: [] }),
  });
  await master.start();
  const script = scriptParams(folder.write('x.php', '<?php echo 1;'));
  const ask = async (name: string): Promise<string> =>
    (await request(folder.join(`${name}.sock`), script)).body.toString();
  const a = master.runners.find(({ name }) => name === 'a');
  assert.ok(a?.serving !== undefined);
  const { fd } = a.prepared.listener;
  closeSync(fd);
  const others = openSync('/dev/null', 'r');
  assert.equal(others, fd, 'the number is used again');

  await said(
    /^ALERT: \[pool a\] the descriptor \d+ of the listening socket '.*\/a\.sock' has been closed: a restart/,
  );
  assert.deepEqual([await ask('a'), await ask('b')], ['1', '1'], 'the hosts have descriptors of their own');
  process.kill(a.serving.host.pid, 'SIGKILL');
  // The next host is not handed what has the number now.
  await said(
    /^ERROR: \[pool a\] cannot start: cannot start the engine host: the descriptor \d+ of the listening/,
  );
  assert.equal(await ask('b'), '1');

  master.request('reload');
  await poll('pool a again', async () => (await ask('a').catch(() => '')) === '1' || undefined, 20_000);
  master.request('terminate');
  await master.closed;
  assert.ok(fstatSync(others).isCharacterDevice(), 'what has the number is not closed');
  closeSync(others);
});
