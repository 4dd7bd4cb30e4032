import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import {
  duplicate,
  duplicateOnto,
  isOpenDescriptor,
  isWritable,
  memoryFile,
  receiveDescriptor,
  sendDescriptor,
  setCloseOnExec,
  setNonBlocking,
  socketPair,
} from '../../src/posix/descriptors.ts';
import { PosixError } from '../../src/posix/libc.ts';

/** A socket pair that is closed when the test ends. */
function pairFor(t: { after: (action: () => void) => void }): [number, number] {
  const pair = socketPair();
  t.after(() => {
    for (const fd of pair) if (isOpenDescriptor(fd)) closeSync(fd);
  });
  return pair;
}

const failsWith = (code: string) => (error: unknown) => error instanceof PosixError && error.code === code;

test('a descriptor arrives as another name of the same open file', (t) => {
  const [left, right] = pairFor(t);
  const file = memoryFile('passed', 5);
  writeSync(file, 'hello', 0);
  sendDescriptor(left, file);
  const received = receiveDescriptor(right);
  assert.notEqual(received, file);
  assert.equal(fstatSync(received).ino, fstatSync(file).ino);
  assert.equal(readFileSync(`/proc/self/fd/${received}`, 'latin1'), 'hello');
  closeSync(file);
  closeSync(received);
});

test('several descriptors arrive in their order, one a message', (t) => {
  const [left, right] = pairFor(t);
  const files = [1, 2, 3].map((size) => memoryFile('ordered', size));
  for (const file of files) sendDescriptor(left, file);
  const received = files.map(() => receiveDescriptor(right));
  assert.deepEqual(
    received.map((fd) => fstatSync(fd).size),
    [1, 2, 3],
  );
  for (const fd of [...files, ...received]) closeSync(fd);
});

test('waiting for a descriptor is bounded', (t) => {
  const [, right] = pairFor(t);
  assert.throws(() => receiveDescriptor(right, 20), failsWith('ETIMEDOUT'));
});

test('waiting for a reader is bounded', (t) => {
  const [left] = pairFor(t);
  const file = memoryFile('unread', 1);
  t.after(() => closeSync(file));
  assert.throws(() => {
    for (let count = 0; count < 100_000; count += 1) sendDescriptor(left, file, 20);
  }, failsWith('ETIMEDOUT'));
});

test('the end of the peer is an error on both sides', (t) => {
  const [left, right] = pairFor(t);
  closeSync(left);
  assert.throws(() => receiveDescriptor(right), failsWith('ECONNRESET'));
  assert.throws(() => sendDescriptor(right, 0), failsWith('EPIPE'));
});

test('a message without a descriptor is refused', (t) => {
  const [left, right] = pairFor(t);
  writeSync(left, '.');
  assert.throws(() => receiveDescriptor(right), failsWith('EPROTO'));
});

test('a memory file has its size, zeros, and no name in any folder', () => {
  const fd = memoryFile('scoreboard', 8192);
  assert.equal(fstatSync(fd).size, 8192);
  assert.equal(fstatSync(fd).nlink, 0);
  assert.ok(readFileSync(`/proc/self/fd/${fd}`).every((byte) => byte === 0));
  closeSync(fd);
});

/** Descriptors that a started program has. */
function inheritedByChild(): string[] {
  const listing = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }).stdout;
  return listing.split('\n');
}

test('nothing made here reaches a started program until it is told so', (t) => {
  const [left, right] = pairFor(t);
  const file = memoryFile('close-on-exec-probe', 1);
  const copy = duplicate(file);
  t.after(() => {
    closeSync(file);
    closeSync(copy);
  });
  sendDescriptor(left, file);
  const received = receiveDescriptor(right);
  assert.equal(inheritedByChild().filter((row) => row.includes('close-on-exec-probe')).length, 0);
  setCloseOnExec(received, false);
  assert.equal(inheritedByChild().filter((row) => row.includes('close-on-exec-probe')).length, 1);
  closeSync(received);
});

test('dup2 replaces what a number names', () => {
  const file = memoryFile('target', 3);
  const victim = openSync('/dev/null', 'r');
  duplicateOnto(file, victim);
  assert.equal(fstatSync(victim).size, 3);
  closeSync(file);
  closeSync(victim);
});

test('a full socket is not writable, an empty one is', (t) => {
  const [left] = pairFor(t);
  assert.equal(isWritable(left, 0), true);
  setNonBlocking(left, true);
  assert.throws(() => {
    for (;;) writeSync(left, Buffer.alloc(65_536));
  }, /EAGAIN/);
  assert.equal(isWritable(left, 10), false);
});

test('an error says what failed, in the words of the C library', () => {
  assert.throws(() => duplicate(1_000_000), {
    name: 'PosixError',
    syscall: 'fcntl',
    errno: 9,
    code: 'EBADF',
    strerror: 'Bad file descriptor',
    message: 'fcntl() failed: Bad file descriptor (9)',
  });
});
