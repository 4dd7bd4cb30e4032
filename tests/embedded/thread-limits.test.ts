import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { Interrupts } from '../../src/engine/embedded/php/interrupts.ts';
import { sharedWord } from '../../src/engine/embedded/protocol.ts';
import { PhpThread, type Response } from './php-thread.ts';

/** What the main thread does about max_execution_time: it looks when the published deadline has passed. */
async function runWatched(php: PhpThread, interrupts: Interrupts, script: string): Promise<Response> {
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
    return await php.run(script);
  } finally {
    clearTimeout(timer);
    timer = undefined;
  }
}

suite('max_execution_time in a PHP thread', () => {
  const interrupts = new Interrupts();
  let php: PhpThread;
  before(async () => {
    php = await PhpThread.start();
  });
  after(async () => {
    await php.stop();
    interrupts.close();
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
