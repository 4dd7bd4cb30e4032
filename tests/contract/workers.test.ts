/** docs/contract.md: workers come and go on the master's word, and what becomes of their requests. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, beforeEach, suite, test } from 'node:test';
import { ScoreboardReader } from '../../src/scoreboard/reader.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { poll } from '../harness/waiting.ts';
import { contractHosts } from './hosts.ts';
import { entered, installScripts, release } from './scripts.ts';

for (const { name, title, command, template, skip } of contractHosts) {
  suite(`workers of the ${title} host`, { skip }, () => {
    let master: FakeMaster;
    before(async () => {
      master = await FakeMaster.serving({
        command,
        template: template?.(),
        slots: 1,
        accessLog: true,
        settings: [
          ['catch_workers_output', '1'],
          ['access.format', '%m %r%Q%q %s'],
          ['access.suppress_path', '/quiet.php'],
          ['ping.path', '/ping'],
          ['ping.response', 'alive'],
          ['pm.status_path', '/status'],
        ],
      });
      installScripts(master);
      master.folder.write('quiet.php', '<?php echo "quiet";');
    });
    after(() => master[Symbol.asyncDispose]());
    beforeEach(async () => {
      for (const file of ['entered', 'release']) rmSync(master.folder.join(file), { force: true });
      if (!master.hasWorker(0)) await master.startWorker(0);
    });

    test('quit lets an idle worker go with exit code 0', async () => {
      const ended = await master.endWorker(0, 'quit');
      assert.deepEqual(ended.end, { type: 'exit', code: 0 });
      assert.notEqual(await master.startWorker(0), ended.pid);
    });

    test('quit lets a busy worker finish its request', async () => {
      const answer = master.get('gate.php');
      await entered(master);
      const ended = master.endWorker(0, 'quit');
      release(master);
      assert.equal((await answer).body, 'released');
      assert.deepEqual((await ended).end, { type: 'exit', code: 0 });
    });

    for (const [mode, signal] of [
      ['term', 15],
      ['kill', 9],
      ['timeout', 15],
    ] as const) {
      test(`${mode} ends a worker in a loop, reported as signal ${signal}`, async () => {
        const answer = master.get('loop.php');
        await entered(master);
        const ended = await master.endWorker(0, mode);
        assert.deepEqual(ended.end, { type: 'signal', signal, core: false });
        const { head } = await answer;
        if (mode === 'timeout') assert.match(head, /^Status: 504 /);
      });
    }

    test('a response that is cut off by a time-out does not look complete', async () => {
      const answer = master.get('early.php');
      await entered(master);
      await master.endWorker(0, 'timeout');
      assert.equal((await answer).end, undefined);
    });

    test('watch reports a waiting connection once', async () => {
      const first = master.get('gate.php');
      await entered(master);
      const waiting = master.nextOf('waiting');
      master.send(['watch']);
      const second = master.get('hello.php');
      const third = master.get('hello.php');
      await waiting;
      release(master);
      assert.deepEqual(
        [(await first).body, (await second).body, (await third).body],
        ['released', 'hello', 'hello'],
      );
      assert.equal(master.messages.filter(({ type }) => type === 'waiting').length, 1);
    });

    test('watch with a number: reported when more wait, by a host that can count them', async () => {
      const counts = name === 'embedded';
      const scoreboard = new ScoreboardReader(master.scoreboardFd, 1, name);
      const first = master.get('gate.php');
      await entered(master);
      const from = master.messages.length;
      const reports = () => master.messages.slice(from).filter(({ type }) => type === 'waiting').length;
      master.send(['watch', '2']);
      const others = [master.get('hello.php'), master.get('hello.php')];
      if (counts)
        await poll('two that wait', () => scoreboard.readHeader().queuedRequests === 2 || undefined);
      assert.equal(reports(), 0);
      const waiting = counts ? master.nextOf('waiting') : undefined;
      others.push(master.get('hello.php'));
      await waiting;
      release(master);
      assert.deepEqual(
        (await Promise.all([first, ...others])).map(({ body }) => body),
        ['released', 'hello', 'hello', 'hello'],
      );
      assert.equal(reports(), counts ? 1 : 0);
    });

    test('watch reports a connection for which there is no worker at all', async () => {
      await master.endWorker(0, 'quit');
      const waiting = master.nextOf('waiting');
      master.send(['watch']);
      const answer = master.get('hello.php');
      await waiting;
      await master.startWorker(0);
      assert.equal((await answer).body, 'hello');
    });

    test('watch with a slot: the native host makes the worker there by itself, once', async () => {
      const makes = name !== 'embedded';
      await master.endWorker(0, 'quit');
      const from = master.messages.length;
      const waiting = master.nextOf('waiting');
      const up = master.nextOf('up');
      master.send(['watch', '0', '0']);
      const answer = master.get('hello.php');
      assert.equal((await waiting).slot, makes ? 0 : undefined);
      // A master that wanted a worker there anyway means the same one.
      master.send(['worker', '0']);
      assert.equal((await answer).body, 'hello');
      await up;
      const later = master.messages.slice(from).map(({ type }) => type);
      assert.deepEqual(
        later.filter((type) => type === 'waiting' || type === 'up' || type === 'ended'),
        ['waiting', 'up'],
      );
    });

    test("a worker's output comes to the master with its name, and the end of the request", async () => {
      const from = master.messages.length;
      const flushed = master.nextOf('flush');
      await master.get('write.php');
      const { slot, pid } = await flushed;
      const output = master.messages.slice(from).filter((message) => message.type === 'output');
      const text = (stream: string): string =>
        output
          .filter((message) => message.stream === stream)
          .map(({ bytes }) => Buffer.from(bytes).toString())
          .join('');
      assert.deepEqual([text('stdout'), text('stderr')], ['to stdout\n', 'to stderr']);
      assert.ok(output.every((message) => message.slot === slot && message.pid === pid));
    });

    test('an unfinished line ends with its request, also where the host is late', async () => {
      // A host of threads answers by itself; a worker that is a process needs no host for that.
      const isNeeded = name === 'embedded';
      const signalHost = (signal: NodeJS.Signals): void => {
        if (!isNeeded && master.child.pid !== undefined) process.kill(master.child.pid, signal);
      };
      const from = master.messages.length;
      const seen = (): string[] =>
        master.messages.slice(from).flatMap((message) => {
          if (message.type === 'flush') return ['flush'];
          return message.type === 'output' && message.stream === 'stderr'
            ? [Buffer.from(message.bytes).toString()]
            : [];
        });
      for (let round = 0; round < 20; round++) {
        signalHost('SIGSTOP');
        const first = master.get('write.php');
        if (!isNeeded) await first;
        const second = master.get('write.php');
        signalHost('SIGCONT');
        await Promise.all([first, second]);
        const ends = (): number => seen().filter((what) => what === 'flush').length;
        await poll('the ends of both', () => ends() === 2 * round + 2 || undefined);
      }
      assert.deepEqual(seen(), Array.from({ length: 40 }, () => ['to stderr', 'flush']).flat());
    });

    test('log messages go to the web server and to the master', async () => {
      const from = master.messages.length;
      const flushed = master.nextOf('flush');
      const { stderr, body } = await master.get('log.php');
      assert.equal(stderr, 'PHP message: first; PHP message: second');
      assert.equal(body, 'done');
      await flushed;
      const lines = master.messages
        .slice(from)
        .map((message) => (message.type === 'output' ? Buffer.from(message.bytes).toString() : ''));
      assert.equal(lines.join(''), 'NOTICE: PHP message: first\nNOTICE: PHP message: second\n');
    });

    test('the scoreboard counts and describes', async () => {
      const scoreboard = new ScoreboardReader(master.scoreboardFd, 1, name);
      const accepted = scoreboard.readHeader().acceptedRequests;
      const answer = master.ask({
        params: master.params('gate.php', { QUERY_STRING: 'a=b', REQUEST_METHOD: 'PUT' }),
      });
      await entered(master);
      const worker = scoreboard.readSlot(0);
      assert.deepEqual(
        [worker?.stage, worker?.method, worker?.uri, worker?.query],
        ['running', 'PUT', '/gate.php', 'a=b'],
      );
      assert.equal(scoreboard.readHeader().acceptedRequests, accepted + 1);
      release(master);
      await answer;
    });

    test('ping is answered, HEAD without a body', async () => {
      const script = { SCRIPT_NAME: '/ping' };
      const answer = await master.get('none.php', script);
      assert.equal(answer.body, 'alive');
      assert.match(
        answer.head,
        /Content-type: text\/plain;charset=UTF-8\r\nExpires: Thu, 01 Jan 1970 00:00:00 GMT\r\nCache-Control: no-cache, no-store, must-revalidate, max-age=0$/,
      );
      assert.equal((await master.get('none.php', { ...script, REQUEST_METHOD: 'HEAD' })).body, '');
    });

    test("the status page is the master's answer", async () => {
      const asked = master.nextOf('status');
      const answer = master.get('none.php', { SCRIPT_NAME: '/status', QUERY_STRING: 'json&full' });
      const { id, query } = await asked;
      assert.equal(query, 'json&full');
      const worker = new ScoreboardReader(master.scoreboardFd, 1, name).readSlot(0);
      assert.deepEqual([worker?.stage, worker?.uri, worker?.query], ['running', '/status', 'json&full']);
      master.answerStatus(id, 200, 'Content-Type: application/json\r\n\r\n{"pool":"www"}');
      assert.match((await answer).head, /Content-Type: application\/json$/);
      assert.equal((await answer).body, '{"pool":"www"}');
    });

    test('a status page may have any length, and there may be none', async () => {
      const ask = async (): Promise<[string, ReturnType<FakeMaster['get']>]> => {
        const asked = master.nextOf('status');
        const answer = master.get('none.php', { SCRIPT_NAME: '/status', QUERY_STRING: 'full' });
        return [(await asked).id, answer];
      };
      const [long, answer] = await ask();
      const body = 'x'.repeat(5 * 1024 * 1024);
      master.answerStatus(long, 200, `Content-Type: text/plain\r\n\r\n${body}`);
      assert.ok((await answer).body === body, `${(await answer).body.length} bytes`);
      const [refused, none] = await ask();
      master.send(['no-status', refused], 'no memory for it');
      assert.match((await none).head, /^Status: 500 /);
      // The question is closed: the next one is asked.
      const [last, page] = await ask();
      master.answerStatus(last, 200, 'Content-Type: text/plain\r\n\r\npage');
      assert.equal((await page).body, 'page');
    });

    test('a host that is asked whether it is alive says so, whatever its workers do', async () => {
      const answer = master.get('loop.php');
      await entered(master);
      for (const id of ['1', 'x-2._']) {
        const alive = master.nextOf('alive');
        master.send(['alive', id]);
        assert.equal((await alive).id, id);
      }
      await master.endWorker(0, 'kill');
      await answer;
    });

    test('the access log has a line a request, not for suppressed paths, and moves to another file', async () => {
      await master.get('hello.php', { QUERY_STRING: 'x' });
      await master.get('quiet.php');
      await master.get('none.php');
      const moved = master.folder.join('moved.log');
      master.reopenAccessLog(moved);
      // The host reads the channel in order: when it has done this, it has reopened.
      await master.endWorker(0, 'quit');
      await master.startWorker(0);
      const lines = master.readAccessLog();
      assert.deepEqual(lines.slice(-2), ['GET /hello.php?x 200', 'GET /none.php 404']);
      await master.get('hello.php');
      assert.equal(master.readAccessLog().length, lines.length);
    });
  });
}
