/** What a new master needs to find hosts of the last one: processes by start time, who has a lock, several descriptors. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import {
  receiveDescriptor,
  receiveDescriptors,
  sendDescriptors,
  socketPair,
} from '../../src/posix/descriptors.ts';
import { flockHolder, flockOperation, tryFlock } from '../../src/posix/locks.ts';
import { ProcessHandle } from '../../src/posix/pidfd.ts';
import { processStat } from '../../src/posix/process-stat.ts';
import { bind, connectAtOnce, listen, openSocket } from '../../src/posix/sockets.ts';
import { TestFolder } from '../harness/folder.ts';
import { exited } from '../harness/processes.ts';

test('a process is opened by pid and start time, another one with its pid is not', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  const ticks = processStat(pid)?.startTicks ?? 0;
  assert.equal(ProcessHandle.openStarted(pid, ticks + 1), undefined);
  assert.equal(ProcessHandle.openStarted(1, processStat(1)?.startTicks ?? 0), undefined, 'init is nobody');
  const handle = ProcessHandle.openStarted(pid, ticks);
  assert.equal(handle?.isAlive, true);
  handle?.signal('SIGKILL');
  await exited(child);
  assert.equal(handle?.isAlive, false);
  handle?.close();
  assert.equal(ProcessHandle.openStarted(pid, ticks), undefined);
});

test('the holder of a lock is told by the kernel', () => {
  using folder = new TestFolder();
  const path = folder.write('lock', '');
  const [mine, other] = [openSync(path, 'r'), openSync(path, 'r')];
  assert.equal(flockHolder(other), undefined);
  assert.equal(tryFlock(mine, flockOperation.exclusive), true);
  assert.equal(tryFlock(other, flockOperation.exclusive), false);
  assert.equal(flockHolder(other), process.pid);
  closeSync(mine);
  assert.equal(flockHolder(other), undefined);
  closeSync(other);
});

test('several descriptors come in their order, another number of them is refused and none is kept', () => {
  using folder = new TestFolder();
  const files = ['a', 'b', 'c'].map((name) => openSync(folder.write(name, name), 'r'));
  const inodes = files.map((fd) => fstatSync(fd).ino);
  const [left, right] = socketPair();
  const openNow = (): number => readdirSync('/proc/self/fd').length;
  sendDescriptors(left, files);
  const came = receiveDescriptors(right, 3);
  assert.deepEqual(
    came.map((fd) => fstatSync(fd).ino),
    inodes,
  );
  const before = openNow();
  sendDescriptors(left, files.slice(0, 2));
  assert.throws(() => receiveDescriptors(right, 3), { code: 'EPROTO' });
  sendDescriptors(left, files);
  assert.throws(() => receiveDescriptor(right), { code: /EPROTO|EMFILE/ });
  sendDescriptors(left, files.slice(0, 2));
  assert.throws(() => receiveDescriptor(right), { code: 'EPROTO' });
  assert.equal(openNow(), before);
  assert.throws(() => receiveDescriptors(right, 3, 10), { code: 'ETIMEDOUT' });
  for (const fd of [...files, ...came, left, right]) closeSync(fd);
});

test('a connection that nobody could accept fails at once', () => {
  using folder = new TestFolder();
  const path = folder.join('a.sock');
  const address = { family: 'unix', path } as const;
  assert.throws(() => connectAtOnce(address), { code: 'ENOENT' });
  const server = openSocket('unix');
  bind(server, address);
  listen(server, 1);
  const clients = [connectAtOnce(address), connectAtOnce(address)];
  assert.throws(() => connectAtOnce(address), { code: 'EAGAIN' });
  closeSync(server);
  assert.throws(() => connectAtOnce(address), { code: 'ECONNREFUSED' });
  for (const fd of clients) closeSync(fd);
});
