import assert from 'node:assert/strict';
import { constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { duplicate, setNonBlocking } from '../../src/posix/descriptors.ts';
import { Listener } from '../../src/sockets/listener.ts';
import { adoptInherited, parseInheritedSockets } from '../../src/sockets/listener-inherit.ts';
import {
  applyTo,
  folderFor,
  freePort,
  knock,
  LogRecorder,
  openFor,
  settingsFor,
} from './listener-support.ts';

/** The variables as php-fpm hands its sockets over: FPM_SOCKETS, FPM_SOCKETS_1 and so on. */
function variablesFor(sockets: readonly { key: string; fd: number }[]): NodeJS.ProcessEnv {
  const entries = sockets.map(({ key, fd }) => `${key}=${fd}`);
  const env: NodeJS.ProcessEnv = {};
  for (let at = 0; at < entries.length; at += 128) {
    env[at === 0 ? 'FPM_SOCKETS' : `FPM_SOCKETS_${at / 128}`] = entries.slice(at, at + 128).join(',');
  }
  return env;
}

/** Flags of an open file (proc(5), fdinfo). */
function flagsOf(fd: number): number {
  return Number.parseInt(
    /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0',
    8,
  );
}

test('entries of all variables are read up to the first gap', () => {
  const env = {
    FPM_SOCKETS: '/run/a.sock=5,:::9000=6,broken,also=broken=',
    FPM_SOCKETS_1: '/run/with=sign.sock=7',
    FPM_SOCKETS_3: '/run/behind/a/gap=8',
  };
  assert.deepEqual(parseInheritedSockets(env), [
    { key: '/run/a.sock', fd: 5 },
    { key: ':::9000', fd: 6 },
    { key: '/run/with=sign.sock', fd: 7 },
  ]);
  assert.deepEqual(parseInheritedSockets({}), []);
});

test('what the reference writes is read: 128 entries a variable', () => {
  const key = fc.string({ minLength: 1 }).filter((text) => !/[,\n\r\u2028\u2029]/.test(text));
  const socket = fc.tuple(key, fc.nat()).map(([name, fd]) => ({ key: name, fd }));
  fc.assert(
    fc.property(fc.array(socket, { maxLength: 260 }), (sockets) => {
      assert.deepEqual(parseInheritedSockets(variablesFor(sockets)), sockets);
    }),
  );
});

test('a socket that blocks, as systemd makes it, does so no more, whoever else has it', async (t) => {
  const first = await openFor(t, settingsFor(join(folderFor(t), 'blocking.sock')));
  const blocks = (): boolean => (flagsOf(first.fd) & constants.O_NONBLOCK) === 0;
  setNonBlocking(first.fd, false);
  assert.ok(blocks());
  const [adopted] = adoptInherited({ FPM_SOCKETS: `socket=${duplicate(first.fd)}` }, new LogRecorder());
  assert.ok(!blocks());
  adopted?.close();
});

test('a handed over socket is adopted under its own address, and goes with its file', async (t) => {
  const path = join(folderFor(t), 'handed.sock');
  const first = await openFor(t, settingsFor(path));
  const env: NodeJS.ProcessEnv = { FPM_SOCKETS: `a wrong key=${duplicate(first.fd)}`, OTHER: 'stays' };
  const log = new LogRecorder();
  const [adopted, ...rest] = adoptInherited(env, log);
  assert.ok(adopted !== undefined && rest.length === 0);
  first.close();
  assert.deepEqual([adopted.key, adopted.kind, adopted.origin], [path, 'unix', 'inherited']);
  assert.deepEqual(env, { OTHER: 'stays' });
  assert.equal(await knock({ path }), 'connected');
  adopted.remove(new LogRecorder());
  assert.equal(existsSync(path), false);
});

test('sockets of systemd keep their file and their settings', async (t) => {
  const port = await freePort();
  const first = await openFor(t, settingsFor(`127.0.0.1:${port}`));
  const path = join(folderFor(t), 'unit.sock');
  const second = await openFor(t, settingsFor(path, { mode: 0o600 }));
  const fds = [first.fd, second.fd].map((fd) => duplicate(fd));
  const adopted = fds.map((fd) => Listener.adopt(fd, 'systemd'));
  assert.ok(adopted[1] !== undefined);
  applyTo(adopted[1], settingsFor(path, { mode: 0o666 }));
  for (const listener of adopted) listener.remove(new LogRecorder());
  assert.equal(existsSync(path), true);
  assert.equal(second.isReachable(), true);
});

test('activation that was meant for another process is not taken, and its variables go', () => {
  const env: NodeJS.ProcessEnv = { LISTEN_PID: '1', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a:b' };
  const log = new LogRecorder();
  assert.deepEqual(adoptInherited(env, log), []);
  assert.deepEqual(env, {});
  assert.deepEqual(log.lines, []);
});

test('a descriptor that does not listen is left alone', () => {
  const log = new LogRecorder();
  assert.deepEqual(
    adoptInherited({ FPM_SOCKETS: '/run/a.sock=2,/run/b.sock=999999,/run/b.sock=999999' }, log),
    [],
  );
  assert.deepEqual(log.lines, [
    'warning: inherited descriptor fd=2 does not listen and is left alone',
    'warning: inherited descriptor fd=999999 does not listen and is left alone',
  ]);
});
