/** Scripts that end their worker, and what client, log and master see of it. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, beforeEach, suite, test } from 'node:test';
import { entered, installScripts, release } from '../contract/scripts.ts';
import { encodeAbort, encodeHead } from '../engine/plain-fastcgi.ts';
import { poll } from '../harness/waiting.ts';
import { FakeMaster } from './fake-master.ts';

suite('lost workers', () => {
  let master: FakeMaster;
  before(async () => {
    master = await FakeMaster.serving({ slots: 1, accessLog: true, settings: [['access.format', '%r %s']] });
    installScripts(master);
    master.folder.write(
      'trap.php',
      // The first recursion is ended by an error; what is kept back for that is used up by the second.
      `<?php class Endless { function __toString(): string { return (string) $this; } }
      register_shutdown_function(fn() => (string) new Endless());
      ob_start(fn() => (string) new Endless());`,
    );
    master.folder.write(
      'limit.php',
      '<?php ini_set("log_errors", "1"); ini_set("display_errors", "0"); set_time_limit(1); while (true) {}',
    );
    master.folder.write(
      'fatal.php',
      '<?php ini_set("display_errors", "0"); ini_set("log_errors", "1"); none();',
    );
  });
  after(() => master[Symbol.asyncDispose]());
  beforeEach(async () => {
    for (const file of ['entered', 'release']) rmSync(master.folder.join(file), { force: true });
    if (!master.hasWorker(0)) await master.startWorker(0);
  });

  test('a trap of the engine is answered with 500, logged with its script, and replaces the worker', async () => {
    const ended = master.nextOf('ended');
    const logged = master.nextOf('log', ({ level }) => level === 'error');
    const answer = await master.get('trap.php');
    assert.match(answer.head, /^Status: 500 /);
    assert.deepEqual((await ended).end, { type: 'signal', signal: 11, core: false });
    assert.match((await logged).text, /trap\.php/);
    await poll('the line of the access log', () =>
      master.readAccessLog().at(-1) === '/trap.php 500' ? true : undefined,
    );
  });

  test('a fatal error is answered by PHP, and the worker goes on', async () => {
    const before = master.messages.length;
    const answer = await master.get('fatal.php');
    assert.match(answer.head, /^Status: 500 /);
    assert.match(
      answer.stderr,
      /^PHP message: PHP Fatal error: {2}Uncaught Error: Call to undefined function none\(\)/,
    );
    assert.equal((await master.get('hello.php')).body, 'hello');
    assert.equal(
      master.messages.slice(before).some(({ type }) => type === 'ended'),
      false,
    );
  });

  test("max_execution_time ends a loop with PHP's message", async () => {
    const answer = await master.get('limit.php');
    assert.match(
      answer.stderr,
      /PHP Fatal error: {2}Maximum execution time of 1 second exceeded in .*limit\.php/,
    );
    assert.match(answer.head, /^Status: 500 /);
  });

  test('a client that goes away frees the worker when the script writes next', async () => {
    master.folder.write(
      'flood.php',
      '<?php touch(__DIR__ . "/entered"); while (true) { echo str_repeat("x", 10000); usleep(1000); }',
    );
    using client = await master.connect();
    void client.request({ params: master.params('flood.php') });
    await entered(master);
    client.socket.destroy();
    assert.equal((await master.get('hello.php')).body, 'hello');
  });

  for (const [what, code] of [
    ['for a child process', 'fgets(popen("exec sleep 300", "r"));'],
    [
      'for a descriptor above 2',
      '$process = proc_open("exec sleep 300", [3 => ["pipe", "w"]], $ends); fgets($ends[3]);',
    ],
    ['for time to pass', 'sleep(300);'],
  ] as const) {
    test(`a client that goes away frees a worker that waits ${what}, at max_execution_time`, async () => {
      master.folder.write(
        'wait.php',
        `<?php ini_set("log_errors", "1"); set_time_limit(1); touch(__DIR__ . "/entered"); ${code}`,
      );
      using client = await master.connect();
      void client.request({ params: master.params('wait.php') });
      await entered(master);
      client.socket.destroy();
      assert.equal((await master.get('hello.php')).body, 'hello');
    });
  }

  test('a waiting request whose client goes away is not run', async () => {
    const first = master.get('gate.php');
    await entered(master);
    master.folder.write('mark.php', '<?php touch(__DIR__ . "/marked");');
    using client = await master.connect();
    const request = { params: master.params('mark.php') };
    client.socket.write(encodeHead(request));
    client.socket.write(encodeAbort());
    await client.response();
    release(master);
    await first;
    await master.get('hello.php');
    assert.throws(() => rmSync(master.folder.join('marked')), { code: 'ENOENT' });
  });
});

/** The kernel's queue is as short as the host's: it may be full until the host has accepted. */
async function askUntilTaken(master: FakeMaster): ReturnType<FakeMaster['get']> {
  for (;;) {
    try {
      return await master.get('hello.php');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

function firstTwo<T>(promises: readonly Promise<T>[]): Promise<readonly T[]> {
  const results: T[] = [];
  return new Promise((resolve, reject) => {
    for (const promise of promises) {
      promise.then((result) => {
        if (results.push(result) === 2) resolve(results.slice());
      }, reject);
    }
  });
}

test('a full queue answers OVERLOADED', async () => {
  await using master = await FakeMaster.serving({ slots: 1, settings: [['listen.backlog', '2']] });
  installScripts(master);
  const running = master.get('gate.php');
  await entered(master);
  const answers = [1, 2, 3, 4].map(() => askUntilTaken(master));
  // The two others wait until the worker is free.
  for (const refused of await firstTwo(answers))
    assert.deepEqual(refused.end, { appStatus: 0, protocolStatus: 2 });
  release(master);
  await running;
  const bodies = (await Promise.all(answers)).map(({ body }) => body);
  assert.deepEqual(bodies.sort(), ['', '', 'hello', 'hello']);
});

test('a worker that cannot be started is reported with its reason', async () => {
  await using master = new FakeMaster({ settings: [['engine.php', '5.3']] });
  const failed = await master.nextOf('failed');
  assert.match(failed.reason, /cannot run PHP "5\.3"/);
  await poll('the exit', () => (master.child.exitCode === null ? undefined : true));
});
