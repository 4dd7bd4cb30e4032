import assert from 'node:assert/strict';
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ListenerError } from '../../src/sockets/listener-error.ts';
import { type ListenSettings, tryToOpen } from '../../src/sockets/listener-open.ts';
import { needsRoot, runInChild } from '../posix/child.ts';
import { folderFor, freePort, openFor, settingsFor } from './listener-support.ts';

/** The line of the problem, if there is one. */
async function problems(settings: ListenSettings, isOurs?: (pid: number) => boolean): Promise<string[]> {
  try {
    await tryToOpen(settings, isOurs);
    return [];
  } catch (error) {
    assert.ok(error instanceof ListenerError);
    return [error.line];
  }
}

const me = `${readFileSync('/proc/self/comm', 'utf8').trim()} (pid ${process.pid})`;

test('a place where a socket can be made has no problems, and stays as it was', async (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'www.sock');
  assert.deepEqual(await problems(settingsFor(path)), []);
  assert.deepEqual(readdirSync(folder), []);
  const port = await freePort();
  for (const listen of [`127.0.0.1:${port}`, `[::1]:${port}`, String(port)]) {
    assert.deepEqual(await problems(settingsFor(listen)), []);
  }
});

test('a stale socket is no problem and is not removed', async (t) => {
  const path = join(folderFor(t), 'stale.sock');
  const listener = await openFor(t, settingsFor(path));
  listener.close();
  assert.deepEqual(await problems(settingsFor(path)), []);
  assert.equal(existsSync(path), true);
});

test('an address in use names who holds it, unless that is the running instance', async (t) => {
  const path = join(folderFor(t), 'used.sock');
  const port = await freePort();
  await openFor(t, settingsFor(path));
  await openFor(t, settingsFor(`127.0.0.1:${port}`));
  const advice = 'stop it or choose another address';
  for (const listen of [path, `127.0.0.1:${port}`]) {
    assert.deepEqual(await problems(settingsFor(listen)), [
      `the address '${listen}' is in use by ${me}: ${advice}`,
    ]);
    assert.deepEqual(await problems(settingsFor(listen), (pid) => pid === process.pid), []);
  }
});

test('every problem of a path is found', async (t) => {
  const folder = folderFor(t);
  const long = join(folder, 'x'.repeat(100));
  assert.match(
    (await problems(settingsFor(long))).join(),
    /path is too long \(found length: \d+, maximal length: 107\)/,
  );
  const missing = join(folder, 'missing/www.sock');
  assert.deepEqual(await problems(settingsFor(missing)), [
    `[pool www] cannot make the socket '${missing}': the folder '${folder}/missing' does not exist, create it or choose another path`,
  ]);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  assert.match((await problems(settingsFor(file))).join(), /a regular file is there and is left alone/);
});

test('a folder that the user cannot write to is a problem', { skip: needsRoot }, (t) => {
  const folder = folderFor(t);
  chmodSync(folder, 0o755);
  const path = join(folder, 'www.sock');
  const lines = runInChild(`
    const { tryToOpen } = await import(${JSON.stringify(new URL('../../src/sockets/listener-open.ts', import.meta.url).href)});
    process.setuid(65534);
    const address = { kind: 'unix', text: '', path: ${JSON.stringify(path)} };
    say(await tryToOpen({ pool: 'www', address, backlog: -1, mode: 0o660 }).catch(({ message }) => message));
  `);
  assert.equal(lines, `[pool www] cannot make the socket '${path}' in the folder '${folder}'`);
});

test('an address of another machine is a problem', async () => {
  assert.match(
    (await problems(settingsFor('192.0.2.1:9000'))).join(),
    /Cannot assign requested address \(99\)/,
  );
});

test('a host that cannot be resolved is a problem', async () => {
  assert.match(
    (await problems(settingsFor('no-such-host.invalid:9000'))).join(),
    /^getaddrinfo: .*no-such-host/,
  );
});
