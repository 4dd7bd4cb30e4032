import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, before, suite, test } from 'node:test';
import { Interrupts } from '../../src/engine/embedded/php/interrupts.ts';
import { sharedWord } from '../../src/engine/embedded/shared/protocol.ts';
import { TestFolder } from '../harness/folder.ts';
import { PhpThread, type Response } from './php-thread.ts';

/** The main thread's part of max_execution_time: it checks once the published deadline has passed. */
async function runWatched(
  php: PhpThread,
  interrupts: Interrupts,
  script: string,
  isClientGone = false,
): Promise<Response> {
  const start = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const limit = Atomics.load(php.words, sharedWord.executionLimit);
    if (limit > 0 && performance.now() - start >= limit) {
      if ((await interrupts.check(php.worker)) === 'stuck') await php.worker.terminate();
    }
    timer = setTimeout(look, 20);
  };
  timer = setTimeout(look, 20);
  try {
    const done = php.run(script);
    await php.up;
    if (isClientGone) Atomics.store(php.words, sharedWord.clientGone, 1);
    return await done;
  } finally {
    clearTimeout(timer);
    timer = undefined;
  }
}

suite('max_execution_time in a PHP thread', () => {
  const interrupts = new Interrupts();
  let php: PhpThread;
  const folder = new TestFolder();
  /** Accepts connections and says nothing. */
  const server = createServer((socket) => socket.on('error', () => {}));
  let port: number;
  before(async () => {
    php = await PhpThread.start();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    ({ port } = server.address() as AddressInfo);
  });
  after(async () => {
    await php.stop();
    interrupts.close();
    server.close();
    folder[Symbol.dispose]();
  });

  test('ends an endless loop as PHP does, with its shutdown functions', async () => {
    const response = await runWatched(php, interrupts, 'loop-forever.php');
    assert.equal(response.outcome, 'bailout');
    assert.match(
      response.body,
      /^start\nFatal error: Maximum execution time of 1 second exceeded.*\nshutdown$/s,
    );
    assert.match(response.log, /Maximum execution time of 1 second exceeded/);
    assert.equal((await php.run('api-names.php')).outcome, 'ok');
  });

  test('does not count sleep', async () => {
    assert.equal((await runWatched(php, interrupts, 'sleep-over-limit.php')).body, 'slept');
  });

  test('stays in force when a library has set a timer of its own', async () => {
    const script = folder.write(
      'alarm.php',
      '<?php set_time_limit(1); $curl = curl_init("http://localhost:1/"); curl_exec($curl); while (true);',
    );
    const { body } = await runWatched(php, interrupts, script);
    assert.match(body, /Maximum execution time of 1 second exceeded/);
  });

  for (const [what, code] of [
    ['sleep()', 'sleep(60);'],
    ['usleep()', 'usleep(60000000);'],
    ['time_nanosleep()', 'time_nanosleep(60, 0);'],
    ['reading a pipe', 'fgets($ends[1]);'],
    ['writing to a pipe', 'while (true) fwrite($ends[0], str_repeat("x", 100000));'],
    ['stream_select()', '$read = [$ends[1]]; $none = null; stream_select($read, $none, $none, 60);'],
    ['proc_close()', 'fclose($ends[0]); proc_close($process);'],
    ['exec()', 'exec("exec sleep 60");'],
    ['flock()', 'flock($first, LOCK_EX); flock($second, LOCK_EX);'],
    ['reading a socket', 'fgets(stream_socket_client("tcp://127.0.0.1:$port"));'],
    [
      'waiting for a socket',
      '$read = [stream_socket_client("tcp://127.0.0.1:$port")]; $none = null; stream_select($read, $none, $none, 60);',
    ],
    ['HTTP', 'file_get_contents("http://127.0.0.1:$port/");'],
    ['curl', '$curl = curl_init("http://127.0.0.1:$port/"); curl_exec($curl);'],
    ['MySQL', 'try { new mysqli("127.0.0.1", "user", "", "", $port); } catch (mysqli_sql_exception) {}'],
  ] as const) {
    test(`counts ${what} once the client is gone, and ends it`, async () => {
      const script = folder.write(
        'wait.php',
        `<?php $port = ${port}; set_time_limit(1); [$first, $second] = [fopen(__FILE__, "r"), fopen(__FILE__, "r")];
        $process = proc_open("exec sleep 60", [["pipe", "r"], ["pipe", "w"]], $ends); ${code} set_time_limit(60); echo "went on";`,
      );
      const { outcome, body, log } = await runWatched(php, interrupts, script, true);
      assert.equal(outcome, 'bailout', `${body}${log}`);
      assert.match(body, /Maximum execution time of 1 second exceeded/, log);
      assert.equal((await php.run('api-names.php')).outcome, 'ok');
    });
  }

  test('does not count what a script waits that goes on without its client', async () => {
    const script = folder.write(
      'stay.php',
      '<?php set_time_limit(1); ignore_user_abort(true); sleep(2); echo "slept";',
    );
    // Its further output is dropped.
    assert.equal((await runWatched(php, interrupts, script, true)).outcome, 'ok');
  });

  test('reports a script that cannot be ended in order', async () => {
    const victim = await PhpThread.start({ defines: [['hard_timeout', '1']] });
    await assert.rejects(runWatched(victim, interrupts, 'stuck-in-regex.php'), /the thread ended/);
  });
});

suite('A PHP thread', () => {
  test('says what it is, and leaves when asked', async () => {
    const php = await PhpThread.start();
    const up = await php.up;
    assert.match(up.php, /^8\.4\.\d+$/);
    assert.ok(up.tid > 0 && up.tid !== process.pid);
    assert.ok(up.extensions.includes('pdo_sqlite'));
    assert.ok(up.zendExtensions.includes('Zend OPcache'));
    const ended = new Promise((resolve) => php.worker.once('exit', resolve));
    php.send({ type: 'exit' });
    assert.equal(await ended, 0);
  });

  test('says why it cannot start', async () => {
    await assert.rejects(PhpThread.start({ loaderPath: '/no/such/loader.js' }), /\/no\/such\/loader\.js/);
  });
});
