import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ReadableWatch } from '../../src/posix/epoll.ts';
import { listenUnix } from '../embedded/fake-master.ts';
import { TestFolder } from '../harness/folder.ts';
import { within } from '../harness/waiting.ts';

test('a listening socket tells once of a connection that waits, and again when it is watched again', async () => {
  using folder = new TestFolder();
  const listeners = ['a', 'b'].map((name) => listenUnix(folder.join(name)));
  const heard: number[] = [];
  let onHeard = Promise.withResolvers<void>();
  const watch = new ReadableWatch((fd) => {
    heard.push(fd);
    onHeard.resolve();
  });
  const [first, second] = listeners;
  assert.ok(first !== undefined && second !== undefined);
  watch.watch(first.fd);
  watch.watch(second.fd);
  const clients = [connect(second.address)];
  await within(onHeard.promise, 'the first connection');
  assert.deepEqual(heard, [second.fd]);

  // The second is not watched any more: another connection there goes unheard, one to the first does not.
  onHeard = Promise.withResolvers();
  clients.push(connect(second.address), connect(first.address));
  await within(onHeard.promise, 'the connection to the other');
  assert.deepEqual(heard, [second.fd, first.fd]);

  // The connections still wait, so watching again tells at once; one that was forgotten tells nothing.
  onHeard = Promise.withResolvers();
  watch.watch(first.fd);
  watch.forget(first.fd);
  watch.watch(second.fd);
  await within(onHeard.promise, 'the second again');
  assert.deepEqual(heard, [second.fd, first.fd, second.fd]);
  watch.forget(second.fd);
  watch.forget(second.fd);
  watch.close();
  watch.close();
  for (const client of clients) client.destroy();
  for (const { fd } of listeners) closeSync(fd);
});

test('a descriptor that is not open is refused', () => {
  const watch = new ReadableWatch(() => {});
  assert.throws(() => watch.watch(999), /EBADF|Bad file descriptor/);
  watch.close();
});
