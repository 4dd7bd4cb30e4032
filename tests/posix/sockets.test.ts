import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { listeningProcesses } from '../../src/posix/socket-holders.ts';
import {
  bind,
  boundAddress,
  isListening,
  listen,
  openSocket,
  type SocketAddress,
  setReuseAddress,
  somebodyListens,
  tcpListenQueue,
} from '../../src/posix/sockets.ts';
import { unixListenQueue } from '../../src/posix/unix-queue.ts';

interface Cleanup {
  after(action: () => void): void;
}

function listenOn(t: Cleanup, address: SocketAddress, backlog = 5): { fd: number; address: SocketAddress } {
  const fd = openSocket(address.family);
  t.after(() => closeSync(fd));
  if (address.family !== 'unix') setReuseAddress(fd);
  bind(fd, address);
  listen(fd, backlog);
  return { fd, address: boundAddress(fd) };
}

function folderFor(t: Cleanup): string {
  const folder = mkdtempSync(join(tmpdir(), 'hathi-sockets-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function connected(t: Cleanup, address: SocketAddress): Promise<Socket> {
  const target =
    address.family === 'unix' ? { path: address.path } : { host: address.host, port: address.port };
  const socket = connect(target);
  t.after(() => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  return socket;
}

const forms: SocketAddress[] = [
  { family: 'ipv4', host: '127.0.0.1', port: 0 },
  { family: 'ipv6', host: '::1', port: 0 },
  { family: 'ipv6', host: '::', port: 0 },
];

for (const form of forms) {
  const host = form.family === 'unix' ? form.path : form.host;
  test(`a socket listens on ${host} and clients reach it`, async (t) => {
    const { fd, address } = listenOn(t, form);
    assert.ok(address.family !== 'unix' && address.host === host && address.port > 0);
    assert.equal(isListening(fd), true);
    await connected(t, { ...address, host: host === '::' ? '127.0.0.1' : host });
    assert.equal(somebodyListens(address), true);
  });
}

test('a Unix socket listens, and its path may be as long as the kernel allows', async (t) => {
  const folder = folderFor(t);
  const path = join(folder, 'x'.repeat(107 - folder.length - 1));
  assert.equal(Buffer.byteLength(path), 107);
  const { address } = listenOn(t, { family: 'unix', path });
  assert.deepEqual(address, { family: 'unix', path });
  await connected(t, address);
});

test('a longer path is refused and not cut', (t) => {
  const path = join(folderFor(t), 'y'.repeat(107));
  const fd = openSocket('unix');
  t.after(() => closeSync(fd));
  assert.throws(() => bind(fd, { family: 'unix', path }), { code: 'ENAMETOOLONG' });
  assert.equal(existsSync(path.slice(0, 107)), false);
});

test('nobody listens on a missing, a stale and a bound but silent socket', (t) => {
  const path = join(folderFor(t), 'socket');
  assert.equal(somebodyListens({ family: 'unix', path }), false);
  const fd = openSocket('unix');
  bind(fd, { family: 'unix', path });
  assert.equal(isListening(fd), false);
  assert.equal(somebodyListens({ family: 'unix', path }), false);
  closeSync(fd);
  assert.equal(somebodyListens({ family: 'unix', path }), false);
});

test('a socket whose backlog is full counts as listening, and asking does not wait', (t) => {
  const { address } = listenOn(t, { family: 'unix', path: join(folderFor(t), 'full') }, 0);
  for (let count = 0; count < 4; count += 1) assert.equal(somebodyListens(address), true);
});

test('the queue of a TCP listener shows who waits and its limit, which listen changes', async (t) => {
  const { fd, address } = listenOn(t, { family: 'ipv4', host: '127.0.0.1', port: 0 }, 7);
  assert.deepEqual(tcpListenQueue(fd), { current: 0, limit: 7 });
  await connected(t, address);
  await connected(t, address);
  assert.deepEqual(tcpListenQueue(fd), { current: 2, limit: 7 });
  listen(fd, 9);
  assert.deepEqual(tcpListenQueue(fd), { current: 2, limit: 9 });
});

test('the queue of a Unix listener likewise', async (t) => {
  const { fd, address } = listenOn(t, { family: 'unix', path: join(folderFor(t), 'queue') }, 7);
  assert.deepEqual(unixListenQueue(fd), { current: 0, limit: 7 });
  await connected(t, address);
  await connected(t, address);
  assert.deepEqual(unixListenQueue(fd), { current: 2, limit: 7 });
  listen(fd, 9);
  assert.deepEqual(unixListenQueue(fd), { current: 2, limit: 9 });
  const other = listenOn(t, { family: 'ipv4', host: '127.0.0.1', port: 0 });
  assert.equal(unixListenQueue(other.fd), undefined);
});

test('other descriptors have no such queue', (t) => {
  const { fd } = listenOn(t, { family: 'unix', path: join(folderFor(t), 'queue') });
  assert.equal(tcpListenQueue(fd), undefined);
  const idle = openSocket('ipv4');
  t.after(() => closeSync(idle));
  assert.equal(tcpListenQueue(idle), undefined);
});

test('a descriptor that is no socket does not listen', () => {
  const fd = openSync('/dev/null', 'r');
  assert.equal(isListening(fd), false);
  assert.throws(() => boundAddress(fd), { code: 'ENOTSOCK' });
  closeSync(fd);
  assert.equal(isListening(1_000_000), false);
});

test('an address that is none is refused with its text', (t) => {
  const fd = openSocket('ipv4');
  t.after(() => closeSync(fd));
  assert.throws(() => bind(fd, { family: 'ipv4', host: '1.2.3', port: 80 }), {
    syscall: 'inet_pton',
    code: 'EINVAL',
    message: /'1\.2\.3'/,
  });
});

test('the process that listens is found by port and by path', (t) => {
  const unix = listenOn(t, { family: 'unix', path: join(folderFor(t), 'holder') });
  const tcp = listenOn(t, { family: 'ipv6', host: '::1', port: 0 });
  const name = execFileSync('cat', [`/proc/${process.pid}/comm`], { encoding: 'utf8' }).trim();
  for (const { address } of [unix, tcp]) {
    assert.deepEqual(listeningProcesses(address), [{ pid: process.pid, name }]);
  }
  assert.deepEqual(listeningProcesses({ family: 'unix', path: '/no/such/socket' }), []);
});
