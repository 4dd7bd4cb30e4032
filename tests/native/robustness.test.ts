/** Crashes, silence and starvation: what they cost, and that the next request is served. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { after, afterEach, before, beforeEach, suite, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ScoreboardReader } from '../../src/scoreboard/reader.ts';
import { entered, installScripts, release } from '../contract/scripts.ts';
import { FakeMaster } from '../embedded/fake-master.ts';
import { encodeHead, encodeRequest, type PlainClient } from '../engine/plain-fastcgi.ts';
import { poll, within } from '../harness/waiting.ts';
import { nativeBuild } from './built-engine.ts';
import { crashingScript } from './crashing-script.ts';

const { command, skip } = nativeBuild();

suite('native workers under bad conditions', { skip }, () => {
  let master: FakeMaster;
  beforeEach(async () => {
    master = await FakeMaster.serving({ command, slots: 1 });
    installScripts(master);
  });
  afterEach(() => master[Symbol.asyncDispose]());

  test('a crash is answered with 500, reported with its signal, and costs one request', async () => {
    master.folder.write('crash.php', crashingScript);
    const ended = master.nextOf('ended');
    const answer = await master.get('crash.php');
    assert.match(answer.head, /^Status: 500 /);
    assert.deepEqual((await ended).end.type, 'signal');
    await master.startWorker(0);
    assert.equal((await master.get('hello.php')).body, 'hello');
  });

  test('a fatal error is answered by PHP, and its worker is not used again', async () => {
    master.folder.write('memory.php', '<?php ini_set("memory_limit", "4M"); str_repeat("x", 1 << 26);');
    const ended = master.nextOf('ended');
    assert.match((await master.get('memory.php')).body, /Allowed memory size/);
    assert.deepEqual((await ended).end, { type: 'exit', code: 0 });
    await master.startWorker(0);
    assert.equal((await master.get('hello.php')).body, 'hello');
  });

  test('pm.max_requests ends a worker with code 0, after a jitter of at most a tenth', async () => {
    await using small = await FakeMaster.serving({
      command,
      slots: 1,
      settings: [['pm.max_requests', '20']],
    });
    installScripts(small);
    const ended = small.nextOf('ended');
    let served = 0;
    for (; small.hasWorker(0) && served < 25; served++) {
      const answer = await small.get('hello.php').catch(() => undefined);
      if (answer?.end === undefined) break;
      if (served >= 17) await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 20))]);
    }
    assert.deepEqual((await ended).end, { type: 'exit', code: 0 });
    assert.ok(served >= 18 && served <= 20, `served ${served}`);
  });

  test('pm.max_requests is not exceeded by clients that the worker has accepted before', async () => {
    await using small = await FakeMaster.serving({ command, slots: 1, settings: [['pm.max_requests', '5']] });
    small.folder.write('pid.php', '<?php echo getmypid();');
    const request = { params: small.params('pid.php'), keep: true };
    // Its worker holds them all before the first one writes. Nothing tells of that.
    const connect = async (count: number): Promise<PlainClient[]> => {
      const clients = await Promise.all(Array.from({ length: count }, () => small.connect()));
      await delay(120);
      return clients;
    };
    const kept = await connect(3);
    const pids: string[] = [];
    const second = small.nextOf('up');
    small.onMessage = (message) => {
      if (message.type === 'ended') small.send(['worker', '0']);
    };
    for (const client of [...kept, ...kept.slice(0, 2)]) pids.push((await client.request(request)).body);
    assert.deepEqual(new Set(pids).size, 1);
    const { pid } = await second;
    const silent = await connect(7);
    const answers = await Promise.all(silent.map((client) => client.request(request)));
    assert.equal(answers.filter(({ body }) => body === String(pid)).length, 5);
    assert.ok(answers.every(({ body }) => /^\d+$/.test(body)));
    for (const client of [...kept, ...silent]) client[Symbol.dispose]();
  });

  test('silent connections do not keep others from being served', async () => {
    const silent = await Promise.all(Array.from({ length: 12 }, () => master.connect()));
    assert.equal((await master.get('hello.php')).body, 'hello');
    for (const client of silent) client[Symbol.dispose]();
  });

  test('many clients that connect first and write a moment later are all served', async () => {
    const clients = await Promise.all(Array.from({ length: 16 }, () => master.connect()));
    // More than the worker holds: it has seen nothing of them for longer than it waits for one of them.
    await delay(120);
    const answers = clients.map((client) => client.request({ params: master.params('hello.php') }));
    for (const { body } of await Promise.all(answers)) assert.equal(body, 'hello');
    for (const client of clients) client[Symbol.dispose]();
  });

  test('a worker that holds a silent connection leaves new ones to a free worker', async () => {
    await using two = await FakeMaster.serving({ command, slots: 2 });
    installScripts(two);
    for (let round = 0; round < 5; round++) {
      using silent = await two.connect();
      // Until then its worker looks at nothing else, and nothing tells of that.
      await delay(40);
      const running = two.get('gate.php');
      await entered(two);
      const answer = silent.response();
      silent.socket.write(encodeRequest({ params: two.params('hello.php') }));
      const { body } = await within(answer, 'the answer for the client that was silent', 3000);
      assert.equal(body, 'hello');
      release(two);
      assert.equal((await running).body, 'released');
      for (const name of ['entered', 'release']) rmSync(two.folder.join(name));
    }
  });

  test('a half-sent request holds nobody, and is served once it is complete', async () => {
    using slow = await master.connect();
    const request = encodeRequest({ params: master.params('hello.php') });
    slow.socket.write(request.subarray(0, 50));
    assert.equal((await master.get('hello.php')).body, 'hello');
    const answer = slow.response();
    slow.socket.write(request.subarray(50));
    assert.equal((await answer).body, 'hello');
  });

  test('a kept connection is served again, also when another client has come meanwhile', async () => {
    using kept = await master.connect();
    for (let round = 0; round < 3; round++) {
      assert.equal((await kept.request({ params: master.params('hello.php'), keep: true })).body, 'hello');
      assert.equal((await master.get('hello.php')).body, 'hello');
    }
  });

  /**
   * So long a worker leaves a new connection to a free one, in ms, before it gives a kept one up for it. It is reached
   * only when the machine had no processor for the free worker, and then nothing can be said about the kept one.
   */
  const leftToOthers = 50;

  /** A worker is done with its last request only a moment after its answer. */
  function allIdle(scoreboard: ScoreboardReader, slots: number): Promise<true> {
    const isIdle = (_: unknown, slot: number): boolean => scoreboard.readSlot(slot)?.stage === 'idle';
    return poll('idle workers', () => Array.from({ length: slots }, isIdle).every(Boolean) || undefined);
  }

  /** A request of another client, and how long it took, in ms. */
  async function timedGet(pool: FakeMaster): Promise<number> {
    const begin = performance.now();
    assert.equal((await pool.get('hello.php')).body, 'hello');
    return performance.now() - begin;
  }

  test('with a free worker at hand a kept connection stays', async () => {
    await using pool = await FakeMaster.serving({ command, slots: 2 });
    installScripts(pool);
    const scoreboard = new ScoreboardReader(pool.scoreboardFd, 2, 'native');
    const params = pool.params('hello.php');
    using kept = await pool.connect();
    let isStaying = true;
    // A worker that got no processor since the round before takes both clients for one that has waited all the time.
    let before = performance.now();
    for (let round = 0; isStaying && round < 20; round++) {
      assert.equal((await kept.request({ params, keep: true })).body, 'hello');
      await allIdle(scoreboard, 2);
      const begin = performance.now();
      await timedGet(pool);
      isStaying = performance.now() - before < leftToOthers;
      before = begin;
      assert.ok(!kept.closed || !isStaying, `closed in round ${round}`);
    }
  });

  test('kept connections make nobody wait, and stay', async () => {
    await using pool = await FakeMaster.serving({ command, slots: 4 });
    installScripts(pool);
    const scoreboard = new ScoreboardReader(pool.scoreboardFd, 4, 'native');
    using kept = new DisposableStack();
    const params = pool.params('hello.php');
    const clients: PlainClient[] = [];
    // Each goes to a worker of its own: one that holds a connection leaves the next one to the others.
    for (let client = 0; client < 4; client++) {
      clients.push(kept.use(await pool.connect()));
      assert.equal((await clients[client]!.request({ params, keep: true })).body, 'hello');
      await allIdle(scoreboard, 4);
    }
    for (let round = 0; round < 20; round++) {
      await allIdle(scoreboard, 4);
      await timedGet(pool);
    }
    assert.equal(clients.filter((client) => client.closed).length, 0);
  });

  test('a kept connection is not given up over a request that is on its way', async () => {
    const params = master.params('hello.php');
    for (let round = 0; round < 250; round++) {
      using kept = await master.connect();
      assert.equal((await kept.request({ params, keep: true })).body, 'hello');
      let failed = '';
      kept.socket.prependListener('error', (error: NodeJS.ErrnoException) => {
        failed = error.syscall ?? '';
      });
      const other = master.get('hello.php');
      // Both come at about the same time, in either order.
      for (const end = performance.now() + (round % 50) / 10_000; performance.now() < end; );
      const { body } = await kept.request({ params, keep: true });
      // A write that fails has given nothing away: the web server sends the request again, also a POST.
      assert.ok(
        body === 'hello' || failed === 'write',
        `round ${round}: ${failed || 'closed without an answer'}`,
      );
      assert.equal((await other).body, 'hello');
    }
  });

  test('an unread body is not taken for the next request', async () => {
    using client = await master.connect();
    const params = master.params('hello.php', { REQUEST_METHOD: 'PUT', CONTENT_LENGTH: '100000' });
    const smuggled = encodeRequest({ params: master.params('pid.php') });
    const body = Buffer.concat([smuggled, Buffer.alloc(100_000 - smuggled.length)]);
    assert.equal((await client.request({ params, body, keep: true })).body, 'hello');
    assert.equal((await client.request({ params: master.params('hello.php'), keep: true })).body, 'hello');
    // More than was promised: such a connection is closed.
    const longer = master.params('hello.php', { REQUEST_METHOD: 'PUT', CONTENT_LENGTH: '3' });
    assert.equal(
      (await client.request({ params: longer, body: Buffer.from('abcdef'), keep: true })).body,
      'hello',
    );
    await poll('the connection to close', () => client.closed || undefined);
  });

  test('two requests sent at once on a kept connection are both answered', async () => {
    using client = await master.connect();
    const request = encodeRequest({ params: master.params('hello.php'), keep: true });
    let received = '';
    client.socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1');
    });
    client.socket.write(Buffer.concat([request, request]));
    await poll('two answers', () => received.match(/hello/g)?.length === 2 || undefined);
  });

  test('a client that goes ends the script at its next output, and shutdown functions run', async () => {
    master.folder.write(
      'abort.php',
      '<?php register_shutdown_function(function () { file_put_contents(__DIR__ . "/left", connection_status()); }); touch(__DIR__ . "/entered"); while (!file_exists(__DIR__ . "/release")) { clearstatcache(); usleep(2000); } for ($i = 0; $i < 100; $i++) { echo str_repeat("x", 100000); flush(); }',
    );
    const client = await master.connect();
    client.socket.write(encodeRequest({ params: master.params('abort.php') }));
    await entered(master);
    client.socket.destroy();
    release(master);
    const left = await poll('the shutdown function', () =>
      existsSync(master.folder.join('left'))
        ? readFileSync(master.folder.join('left'), 'utf8') || undefined
        : undefined,
    );
    assert.equal(left, '1');
    assert.equal((await master.get('hello.php')).body, 'hello');
    assert.ok(master.hasWorker(0));
  });

  test('malformed input closes its connection and nothing else', async () => {
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.alloc(64), Buffer.alloc(64, 255)]) {
      using client = await master.connect();
      const end = client.response();
      client.socket.write(bytes);
      assert.equal((await end).end, undefined);
    }
    assert.equal((await master.get('hello.php')).body, 'hello');
  });

  test('a worker whose host was killed finishes its request', async () => {
    const answer = master.get('gate.php');
    await entered(master);
    master.child.kill('SIGKILL');
    release(master);
    assert.equal((await answer).body, 'released');
  });

  test('a head that never comes is given up, while its client may still send a body slowly', async () => {
    using client = await master.connect();
    const params = master.params('echo.php', {
      REQUEST_METHOD: 'POST',
      CONTENT_LENGTH: '6',
      CONTENT_TYPE: 'text/plain',
    });
    master.folder.write('echo.php', '<?php echo file_get_contents("php://input");');
    const answer = client.response();
    client.socket.write(encodeHead({ params }));
    const whole = encodeRequest({ params, body: Buffer.from('abcdef') }).subarray(
      encodeHead({ params }).length,
    );
    for (const byte of whole) {
      client.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal((await answer).body, 'abcdef');
  });
});

suite('what ps shows of a native pool', { skip }, () => {
  let master: FakeMaster;
  before(async () => {
    master = await FakeMaster.serving({ command, slots: 1 });
  });
  after(() => master[Symbol.asyncDispose]());

  test('titles of host and worker', async () => {
    const pid = master.messages.find((message) => message.type === 'up')?.pid;
    const title = (of: number | undefined): string =>
      readFileSync(`/proc/${of}/cmdline`, 'latin1').replace(/\0+$/, '');
    assert.equal(title(pid), 'php-fpm: pool www');
    assert.equal(title(master.child.pid), 'php-fpm: host for www');
  });
});
