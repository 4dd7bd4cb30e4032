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
import { cleanEnv, engineEnv } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { nativeBuild } from '../native/built-engine.ts';

function read(folder: TestFolder): Configuration {
  const pool = (name: string): string =>
    `[${name}]\nengine = native\npm = static\npm.max_children = 1\nlisten = ${folder.join(`${name}.sock`)}\n`;
  const global = `[global]\nerror_log = ${folder.join('error.log')}\nadmin.listen = off\n`;
  const file = folder.write('server.conf', global + pool('a') + pool('b'));
  const system = configSystem({ allowRoot: true, env: {}, ini: new Map() });
  const { configuration, messages } = loadConfiguration({ file }, system);
  assert.ok(configuration !== undefined, JSON.stringify(messages));
  return configuration;
}

test('a descriptor that is closed, and whose number is used again, is had again from the host, or by a reload', {
  skip: nativeBuild().skip,
}, async () => {
  using folder = new TestFolder();
  const lines: string[] = [];
  const said = (pattern: RegExp) =>
    poll(`${pattern}`, () => lines.find((line) => pattern.test(line)), 20_000);
  // The master looks for its engine in the environment of this process.
  Object.assign(process.env, engineEnv('native'));
  const log = new ErrorLog({ sink: (line) => lines.push(line.replace(/^\[[^\]]*\] /, '')) });
  const master = new Master({
    configuration: read(folder),
    log,
    env: cleanEnv(engineEnv('native')),
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
  const { listener } = a.prepared;
  const use = (): number => {
    const { fd } = listener;
    closeSync(fd);
    const opened = [openSync('/dev/null', 'r')];
    // Each is the lowest number that is free.
    while (!opened.includes(fd)) opened.push(openSync('/dev/null', 'r'));
    for (const other of opened) if (other !== fd) closeSync(other);
    return fd;
  };
  const others = [use()];
  // A host that is stopped has it as well.
  const first = a.serving.host.pid;
  process.kill(first, 'SIGSTOP');
  await said(
    new RegExp(
      `^WARNING: \\[pool a\\] the descriptor ${others[0]} of the listening socket '.*/a\\.sock' has been closed: it is taken again from the engine host ${first}$`,
    ),
  );
  process.kill(first, 'SIGCONT');
  assert.deepEqual([await ask('a'), await ask('b')], ['1', '1'], 'the hosts have descriptors of their own');
  process.kill(first, 'SIGKILL');
  await poll('another host', () => (a.serving?.host.pid ?? first) !== first || undefined, 20_000);
  await poll('pool a', async () => (await ask('a').catch(() => '')) === '1' || undefined, 20_000);

  // A reload looks by itself, without waiting for a heartbeat.
  others.push(use());
  const reloaded = a.serving.host.pid;
  master.request('reload');
  await said(new RegExp(`descriptor ${others[1]} .* taken again from the engine host ${reloaded}$`));
  await poll('the reload', () => (a.serving?.host.pid ?? reloaded) !== reloaded || undefined, 20_000);

  // Nobody else has it any more: the next host is not handed what has the number now.
  assert.ok(a.serving !== undefined);
  await poll('the end of the first', () => a.generations().length === 1 || undefined, 20_000);
  const last = a.serving.host.pid;
  others.push(use());
  process.kill(last, 'SIGKILL');
  await said(
    /^ERROR: \[pool a\] cannot start: cannot start the engine host: the descriptor \d+ of the listening/,
  );
  assert.equal(await ask('b'), '1');

  master.request('reload');
  await poll('pool a again', async () => (await ask('a').catch(() => '')) === '1' || undefined, 20_000);
  master.request('terminate');
  await master.closed;
  for (const fd of others) {
    assert.ok(fstatSync(fd).isCharacterDevice(), 'what has the number is not closed');
    closeSync(fd);
  }
});
