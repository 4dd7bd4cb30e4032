/** docs/contract.md: how a host starts, serves and goes. Every engine's host has to pass. */
import assert from 'node:assert/strict';
import { closeSync } from 'node:fs';
import { suite, test } from 'node:test';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { sendDescriptor } from '../../src/posix/descriptors.ts';
import { FakeMaster, listenUnix } from '../embedded/fake-master.ts';
import { encodeRequest, PlainClient } from '../engine/plain-fastcgi.ts';
import { TestFolder } from '../harness/folder.ts';
import { contractHosts } from './hosts.ts';
import { entered, installScripts, release } from './scripts.ts';

for (const { name, title, command, template, skip } of contractHosts) {
  suite(`life cycle of the ${title} host`, { skip }, () => {
    test('another contract version is refused with exit code 70', async () => {
      await using master = new FakeMaster({ command, template: template?.(), version: 999 });
      const failed = await master.nextOf('failed');
      assert.match(failed.reason, /contract version 999/);
      assert.equal(await master.exitCode(), 70);
    });

    test('a pool that cannot be run is refused with a reason and exit code 70', async () => {
      await using master = new FakeMaster({
        command,
        template: template?.(),
        settings: [['chdir', '/no/such/folder']],
      });
      const failed = await master.nextOf('failed');
      assert.match(failed.reason, /failed to chdir\(\/no\/such\/folder\)/);
      assert.equal(await master.exitCode(), 70);
    });

    test('ready tells the engine, nothing is accepted before "accept", a drain ends it with code 0', async () => {
      await using master = await FakeMaster.ready({ command, template: template?.(), slots: 1 });
      installScripts(master);
      assert.equal(master.facts.engine, name);
      assert.match(master.facts.php, /^\d+\.\d+\.\d+/);
      assert.equal(master.facts.sapi, 'fpm-fcgi');
      assert.ok(master.facts.extensions.includes('standard'));
      using client = await master.connect();
      let isAnswered = false;
      const answer = client.request({ params: master.params('hello.php') }).then((response) => {
        isAnswered = true;
        return response;
      });
      await master.startWorker(0);
      assert.equal(isAnswered, false);
      master.send(['accept']);
      assert.equal((await answer).body, 'hello');
      assert.equal(await master.drain(), 0);
      assert.equal(master.messages.at(-1)?.type, 'drained');
      assert.equal(master.chatter, '');
    });

    test('"connection" is served before "accept", and beside it', async () => {
      await using master = await FakeMaster.ready({ command, template: template?.(), slots: 1 });
      installScripts(master);
      await master.startWorker(0);
      using waiting = await master.connect();
      const late = waiting.request({ params: master.params('hello.php') });
      for (let round = 0; round < 3; round++) {
        using client = PlainClient.over(master.passConnection());
        assert.equal((await client.request({ params: master.params('hello.php') })).body, 'hello');
      }
      // A client that leaves at once harms nobody.
      PlainClient.over(master.passConnection())[Symbol.dispose]();
      assert.equal(await Promise.race([late.then(() => 'answered'), setImmediate('waits')]), 'waits');
      master.send(['accept']);
      assert.equal((await late).body, 'hello');
      using client = PlainClient.over(master.passConnection());
      assert.equal((await client.request({ params: master.params('hello.php') })).body, 'hello');
      assert.equal(await master.drain(), 0);
      assert.equal(master.chatter, '');
    });

    test('"pause" accepts nothing more, serves what is accepted, and ends with "accept"', async () => {
      await using master = await FakeMaster.serving({ command, template: template?.(), slots: 1 });
      installScripts(master);
      using busy = await master.connect();
      const answer = busy.request({ params: master.params('gate.php'), keep: true });
      await entered(master);
      master.send(['pause']);
      await master.answersQuestion();
      using late = await master.connect();
      const lateAnswer = late.request({ params: master.params('hello.php') });
      release(master);
      assert.equal((await answer).body, 'released');
      const kept = await busy.request({ params: master.params('hello.php'), keep: true });
      assert.equal(kept.body, 'hello');
      assert.equal(await Promise.race([lateAnswer.then(() => 'answered'), setImmediate('waits')]), 'waits');
      master.send(['accept']);
      assert.equal((await lateAnswer).body, 'hello');
      for (const order of ['pause', 'pause', 'accept', 'accept', 'pause']) master.send([order]);
      await master.answersQuestion();
      assert.equal(await master.drain(), 0);
      assert.equal(master.chatter, '');
    });

    test('orders behind "start" are obeyed after "ready": the client that woke a pool need not wait for the master', async () => {
      await using master = new FakeMaster({ command, template: template?.(), slots: 1 });
      installScripts(master);
      master.send(['accept']);
      master.send(['watch', '0', '0']);
      // Before the client: the host may tell of it while it connects.
      const waiting = master.nextOf('waiting');
      const up = master.nextOf('up');
      using client = await master.connect();
      const answer = client.request({ params: master.params('hello.php') });
      const { slot } = await waiting;
      // The native host has made the worker already.
      if (slot === undefined) master.send(['worker', '0']);
      assert.equal((await answer).body, 'hello');
      // A worker may serve before its host has told of it.
      await up;
      assert.equal(await master.drain(), 0);
      const order = master.messages.map(({ type }) => type).filter((type) => !type.endsWith('memory'));
      assert.deepEqual(order.slice(0, 3), ['ready', 'waiting', 'up']);
    });

    test('a host that is told to drain before it is ready starts, and ends with code 0', async () => {
      await using master = new FakeMaster({ command, template: template?.(), slots: 1 });
      master.send(['accept']);
      master.send(['drain']);
      assert.equal(await master.exitCode(), 0);
      await master.channelEnd();
      assert.deepEqual(
        master.messages.map(({ type }) => type),
        ['ready', 'stopped', 'drained'],
      );
    });

    test('one that may outlive its master stays after its drain until that is taken back', async () => {
      await using master = await FakeMaster.serving({ command, template: template?.(), slots: 1 });
      const { fd: meeting } = listenUnix(master.folder.join('meeting'));
      sendDescriptor(master.descriptorFd, meeting);
      closeSync(meeting);
      master.send(['survive', '60']);
      const drained = master.nextOf('drained');
      master.send(['drain']);
      await drained;
      const alive = master.nextOf('alive');
      master.send(['alive', '1']);
      await alive;
      master.send(['survive', '0']);
      assert.equal(await master.exitCode(), 0);
    });

    test('a drain finishes what runs and closes connections at rest', async () => {
      await using master = await FakeMaster.serving({ command, template: template?.() });
      installScripts(master);
      using resting = await master.connect();
      await resting.request({ params: master.params('hello.php'), keep: true });
      using busy = await master.connect();
      const answer = busy.request({ params: master.params('gate.php'), keep: true });
      await entered(master);
      master.send(['drain']);
      await resting.response();
      assert.equal(
        master.messages.some(({ type }) => type === 'drained'),
        false,
      );
      release(master);
      assert.equal((await answer).body, 'released');
      assert.equal(await master.exitCode(), 0);
      await master.channelEnd();
      assert.equal(master.messages.at(-1)?.type, 'drained');
    });

    test('after `stopped` a host takes no connection, however busy it was', async () => {
      using folder = new TestFolder();
      // Held by the test as well, so that those who wait in it are not told when the host goes.
      const listener = listenUnix(folder.join('pool.sock'));
      await using master = await FakeMaster.serving({ command, template: template?.(), slots: 3, listener });
      installScripts(master);
      const answer = master.get('gate.php');
      await entered(master);
      const stopped = master.nextOf('stopped');
      master.send(['drain']);
      await stopped;
      const waiting = await Promise.all(Array.from({ length: 10 }, () => master.connect()));
      let bytes = 0;
      for (const { socket } of waiting) {
        socket.on('data', (data: Buffer) => {
          bytes += data.length;
        });
        socket.write(encodeRequest({ params: master.params('hello.php') }));
      }
      release(master);
      assert.equal((await answer).body, 'released');
      assert.equal(await master.exitCode(), 0);
      assert.equal(bytes, 0);
      assert.ok(waiting.every((client) => !client.closed));
      for (const client of waiting) client[Symbol.dispose]();
      closeSync(listener.fd);
    });

    test('a connection that was accepted before a drain still gets its first request answered', async () => {
      await using master = await FakeMaster.serving({ command, template: template?.(), slots: 1 });
      installScripts(master);
      using client = await master.connect();
      // The answer to a second connection shows that the first one was accepted as well.
      await master.get('hello.php');
      master.send(['drain']);
      // On a busy machine a client may need this long.
      await delay(1500);
      const answer = client.response();
      client.socket.write(encodeRequest({ params: master.params('hello.php'), keep: true }));
      assert.equal((await answer).body, 'hello');
      assert.equal(await master.exitCode(), 0);
    });

    test('a host whose master is gone ends at once, whatever its workers do', async () => {
      await using master = await FakeMaster.serving({ command, template: template?.(), slots: 1 });
      installScripts(master);
      using client = await master.connect();
      const answer = client.request({ params: master.params('loop.php') });
      await entered(master);
      master.hangUp();
      await master.exitCode();
      assert.equal((await answer).end, undefined);
    });

    test('a line that is no message ends the host', async () => {
      await using master = await FakeMaster.ready({ command, template: template?.() });
      master.send(['nonsense']);
      await master.exitCode();
      assert.notEqual(master.child.exitCode, 0);
    });
  });
}
