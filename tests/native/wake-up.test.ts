/**
 * A new connection wakes one idle worker. A worker that is told to end just then has to take it all the same: the
 * workers of the other hosts on the same socket, as during a reload, sleep on.
 */
import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { test } from 'node:test';
import { installScripts } from '../contract/scripts.ts';
import { FakeMaster, listenUnix } from '../embedded/fake-master.ts';
import { encodeRequest, PlainClient } from '../engine/plain-fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { within } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';

const { command, skip } = nativeBuild();

/** The signal has to reach the worker before it runs, which it does in most rounds. */
const rounds = 20;

/** By a signal, as the kernel does it when the host has died, and by the host's own word, which is none. */
const orders: Readonly<Record<string, (host: FakeMaster, worker: number) => void>> = {
  SIGQUIT: (_host, worker) => process.kill(worker, 'SIGQUIT'),
  'end SLOT quit': (host) => host.send(['end', '0', 'quit']),
};

for (const [how, order] of Object.entries(orders)) {
  test(
    `a worker that is told to end (${how}) when it is woken for a connection does not leave it lying`,
    {
      skip,
    },
    () => checkRounds(order),
  );
}

async function checkRounds(order: (host: FakeMaster, worker: number) => void): Promise<void> {
  using folder = new TestFolder();
  const listener = listenUnix(folder.join('pool.sock'));
  try {
    const options = { command, slots: 1, listener };
    await using older = await FakeMaster.ready(options);
    await using newer = await FakeMaster.ready(options);
    installScripts(older);
    for (const host of [older, newer]) host.send(['accept']);
    const request = encodeRequest({ params: older.params('hello.php') });
    for (let round = 0; round < rounds; round++) {
      // The kernel wakes whoever came first.
      const first = await older.startWorker(0);
      await newer.startWorker(0);
      const ended = older.nextOf('ended');
      const connecting = PlainClient.connect(listener.address);
      order(older, first);
      using client = await connecting;
      const answer = client.response();
      client.socket.write(request);
      const { body } = await within(answer, 'the answer to a connection while a worker is free');
      assert.equal(body, 'hello');
      await ended;
      await newer.endWorker(0, 'quit');
    }
  } finally {
    closeSync(listener.fd);
  }
}
