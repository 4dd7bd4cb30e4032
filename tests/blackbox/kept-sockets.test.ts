/** The master is killed while its pools sleep: their sockets stay open, and connections wait for the next master. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { request, scriptParams } from '../harness/fastcgi.ts';
import type { TestFolder } from '../harness/folder.ts';
import { Masters, type StartedMaster } from '../harness/masters.ts';
import { NotifySocket } from '../harness/notify-socket.ts';
import { poolText } from '../harness/pool.ts';
import { exited, isAlive, type ProcessId, signalProcess } from '../harness/processes.ts';
import { titleOf } from '../harness/server.ts';
import { poll } from '../harness/waiting.ts';
import { freePort } from '../harness/web-server.ts';
import { nativeBuild } from '../native/built-engine.ts';

const { skip } = nativeBuild();
const sleeping = 'pm = ondemand\npm.max_children = 2\npm.process_idle_timeout = 1s';

function unixPools(names: readonly string[], more = ''): (folder: TestFolder) => string {
  return (folder) => names.map((name) => poolText(folder, name, `${sleeping}\n${more}`)).join('');
}

/** Sends a request and waits until the kernel has its connection. */
function ask(masters: Masters, address: Parameters<typeof request>[0]): Promise<string> {
  const script = masters.folder.join('www/hello.php');
  const body = request(address, scriptParams(script), '', 60_000).then(({ body }) => body.toString());
  body.catch(() => undefined);
  return body;
}

/** It has its title a moment after it was executed. */
async function keeperOf(masters: Masters, master: StartedMaster): Promise<ProcessId> {
  const found = await poll('the keeper', () => {
    const named = masters
      .note(master)
      .filter(({ pid }) => titleOf(pid).startsWith('php-fpm: keeper of sockets'));
    return named.length > 0 ? named : undefined;
  });
  assert.equal(found.length, 1);
  return found[0]!;
}

/** Number of sockets that it keeps: all but its two channels and the one for the next master. */
function keptBy({ pid }: ProcessId): number {
  const folder = `/proc/${pid}/fd`;
  const names = readdirSync(folder).map((name) => readlinkSync(`${folder}/${name}`));
  return names.filter((name) => name.startsWith('socket:')).length - 3;
}

test('requests that come without a master are answered by the next one, again and again', {
  skip,
}, async () => {
  const port = await freePort();
  const tcp = { host: '127.0.0.1', port };
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  const pools = (to: TestFolder): string =>
    unixPools(names, 'listen.mode = 0640\nlisten.backlog = 33')(to) +
    poolText(to, 'tcp', `listen = 127.0.0.1:${port}\n${sleeping}`);
  await using masters = new Masters('native', pools);
  masters.folder.write('www/hello.php', '<?php echo "hello";');
  let master = await masters.start();
  const keeper = await keeperOf(masters, master);
  await poll('all sockets', () => keptBy(keeper) === 10 || undefined);
  assert.deepEqual(await Promise.all([ask(masters, masters.socket('a')), ask(masters, tcp)]), [
    'hello',
    'hello',
  ]);
  const before = statSync(masters.socket('a'));
  for (let time = 0; time < 2; time += 1) {
    await masters.kill(master);
    // One pool may be awake, the others sleep.
    const answers = [...names.map((name) => masters.socket(name)), tcp].map((address) =>
      ask(masters, address),
    );
    master = await masters.start();
    assert.deepEqual(await Promise.all(answers), Array(10).fill('hello'));
    assert.ok(isAlive(keeper), 'the keeper stays');
  }
  const { ino, mode, uid, gid } = statSync(masters.socket('a'));
  assert.deepEqual([ino, mode, uid, gid], [before.ino, before.mode, before.uid, before.gid]);

  // A pool that is gone with the next start: nobody waits there for ever.
  await masters.kill(master);
  masters.configure(unixPools(names.slice(1)));
  master = await masters.start();
  await assert.rejects(ask(masters, masters.socket('a')));
  // The other one's host finishes what it has accepted by then.
  const isRefused = () =>
    ask(masters, tcp).then(
      () => undefined,
      () => true,
    );
  await poll('the end of its port', isRefused);
  assert.equal(existsSync(masters.socket('a')), false);
  await poll('the sockets that are left', () => keptBy(keeper) === 8 || undefined);

  await masters.stop(master);
  await masters.gone(5000);
  for (const name of names) assert.equal(existsSync(masters.socket(name)), false, name);
});

/** Ends the master a moment after it has let a host accept, before it hears anything of that host. */
const endsWhileAPoolWakes = `
import { Socket } from 'node:net';
const { write } = Socket.prototype;
Socket.prototype.write = function (bytes, ...more) {
  const wrote = write.call(this, bytes, ...more);
  if (String(bytes).startsWith('watch')) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    process.kill(process.pid, 'SIGKILL');
  }
  return wrote;
};`;

test('killed while a pool wakes, with its client in a worker already: nobody is lost', { skip }, async () => {
  await using masters = new Masters('native', unixPools(['a']));
  masters.folder.write('www/hello.php', '<?php usleep(600000); echo "hello";');
  const fault = masters.folder.write('fault.mjs', endsWhileAPoolWakes);
  const first = await masters.start(30_000, { NODE_OPTIONS: `--import ${fault}` });
  masters.note(first);
  const answer = ask(masters, masters.socket('a'));
  await exited(first.child);
  const second = await masters.start();
  assert.equal(await answer, 'hello');
  assert.match(second.log.text(), /of the last master finishes what it runs: it was just being made/);
  await masters.stop(second);
  await masters.gone(5000);
});

test('a stop ends the keeper first: the next master binds the same TCP port at once', { skip }, async () => {
  const port = await freePort();
  await using masters = new Masters('native', (to) =>
    poolText(to, 'tcp', `listen = 127.0.0.1:${port}\n${sleeping}`),
  );
  for (let time = 0; time < 3; time += 1) {
    const master = await masters.start();
    await keeperOf(masters, master);
    await masters.stop(master);
    assert.doesNotMatch(master.log.text(), /ERROR|ALERT/);
  }
  await masters.gone(5000);
});

test('a keeper that ends at once is not replaced, except by systemd; survive = 0 has none', {
  skip,
}, async () => {
  await using masters = new Masters('native', unixPools(['a']));
  masters.folder.write('www/hello.php', '<?php echo "hello";');
  const master = await masters.start();
  signalProcess(await keeperOf(masters, master), 'SIGKILL');
  await master.log.waitFor(
    /WARNING: sockets of sleeping pools close with a killed master: its keeper has ended/,
  );
  assert.equal(await ask(masters, masters.socket('a')), 'hello');
  await masters.stop(master);
  await using systemd = new NotifySocket();
  const below = await masters.start(30_000, { NOTIFY_SOCKET: systemd.path });
  assert.equal(systemd.stored.size, 0, 'the keeper has it');
  signalProcess(await keeperOf(masters, below), 'SIGKILL');
  await below.log.waitFor(/WARNING: systemd keeps the sockets of sleeping pools from now on: /);
  await poll('the socket', () => systemd.stored.size === 1 || undefined);
  masters.configure(unixPools(['a']), 'survive = 0');
  await masters.stop(below);
  const other = await masters.start();
  assert.doesNotMatch(
    masters
      .note(other)
      .map(({ pid }) => titleOf(pid))
      .join(),
    /keeper/,
  );
  await masters.kill(other);
  await assert.rejects(ask(masters, masters.socket('a')));
  await masters.gone(5000);
});

test('without a next master the sockets close after survive', { skip }, async () => {
  await using masters = new Masters('native', unixPools(['a']), 'survive = 1');
  const master = await masters.start();
  await masters.kill(master);
  const lost = ask(masters, masters.socket('a'));
  await assert.rejects(lost);
  await masters.gone(5000);
});

test('a start that fails leaves the sockets to the one after it', { skip }, async () => {
  await using masters = new Masters('native', unixPools(['a', 'b']));
  masters.folder.write('www/hello.php', '<?php echo "hello";');
  const first = await masters.start();
  await masters.kill(first);
  const waiting = ask(masters, masters.socket('a'));
  masters.configure((to) => unixPools(['a', 'b'])(to) + poolText(to, 'c', 'listen = /nonexistent/c.sock'));
  await assert.rejects(masters.start());
  assert.ok(existsSync(masters.socket('a')));
  const alsoWaiting = ask(masters, masters.socket('b'));
  masters.configure(unixPools(['a', 'b']));
  const second = await masters.start();
  assert.deepEqual(await Promise.all([waiting, alsoWaiting]), ['hello', 'hello']);
  await masters.stop(second);
  await masters.gone(5000);
});

test('embedded pools have the keeper of a native engine that is built: no client is refused', {
  skip,
}, async () => {
  await using masters = new Masters('native', (to) => poolText(to, 'a', `${sleeping}\nengine = embedded`));
  masters.folder.write('www/hello.php', '<?php echo "hello";');
  const first = await masters.start(60_000);
  await keeperOf(masters, first);
  await masters.kill(first);
  const answer = ask(masters, masters.socket('a'));
  const second = await masters.start(60_000);
  assert.equal(await answer, 'hello');
  await masters.stop(second);
  await masters.gone(5000);
});

test('the embedded engine alone has no keeper: systemd stores the sockets', async () => {
  await using systemd = new NotifySocket();
  const port = await freePort();
  const env = { NOTIFY_SOCKET: systemd.path };
  const tcp = (to: TestFolder): string => poolText(to, 'tcp', `listen = 127.0.0.1:${port}\n${sleeping}`);
  await using masters = new Masters('embedded', (to) => unixPools(['a'])(to) + tcp(to));
  masters.folder.write('www/hello.php', '<?php echo "hello";');
  const stores = (count: number): Promise<true> =>
    poll(`${count} stored`, () => systemd.stored.size === count || undefined);
  const first = await masters.start(30_000, env);
  await stores(2);
  const { ino } = statSync(masters.socket('a'));
  await masters.kill(first);
  const answer = ask(masters, masters.socket('a'));
  const second = await masters.start(30_000, env, systemd.stored);
  assert.equal(await answer, 'hello');
  assert.equal(statSync(masters.socket('a')).ino, ino);
  // A pool that is gone with a reload, and all at the end: nobody could bind its address.
  masters.configure(unixPools(['a']));
  second.child.kill('SIGUSR2');
  await stores(1);
  await masters.stop(second);
  await stores(0);
  assert.equal(existsSync(masters.socket('a')), false);
});
