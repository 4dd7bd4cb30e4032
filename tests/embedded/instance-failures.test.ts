import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { sharedWord } from '../../src/engine/embedded/shared/protocol.ts';
import { poll } from '../harness/waiting.ts';
import { PhpThread } from './php-thread.ts';

suite('A script that fails in the embedded PHP', () => {
  let php: PhpThread;
  before(async () => {
    php = await PhpThread.start({ mainIni: 'display_errors=0\nlog_errors=1\nhtml_errors=0\n' });
  });
  after(() => php.stop());

  test('by exit() with a code is a normal response', async () => {
    const response = await php.run('exit-with-code.php');
    assert.deepEqual([response.outcome, response.status, response.body], ['ok', 200, 'partial']);
  });

  const fatals: readonly (readonly [string, RegExp])[] = [
    ['parse-error.php', /^PHP Parse error: {2}syntax error/],
    ['throw-uncaught.php', /^PHP Fatal error: {2}Uncaught RuntimeException: nobody catches/],
    ['exhaust-memory.php', /^PHP Fatal error: {2}Allowed memory size of 8388608 bytes exhausted/],
  ];
  for (const [script, log] of fatals) {
    test(`by ${script} is answered with 500 and logged, and the next request is served`, async () => {
      const response = await php.run(script);
      assert.equal(response.outcome, 'bailout');
      assert.equal(response.status, 500);
      assert.ok(response.head.includes('Status: 500 Internal Server Error'));
      assert.match(response.log, log);
      assert.doesNotMatch(response.body, /error|Uncaught/i);
      assert.equal((await php.run('api-names.php')).outcome, 'ok');
    });
  }

  test('by a trap of the engine keeps what was sent, says so, and leaves a working instance', async () => {
    for (let round = 0; round < 3; round += 1) {
      const response = await php.run('recurse-at-end.php');
      assert.equal(response.outcome, 'trap');
      assert.equal(response.body, 'before');
      assert.match(response.log, /the PHP engine failed: /);
      assert.equal((await php.run('api-names.php')).outcome, 'ok');
    }
  });

  test('by starting a Fiber gets an Error that it can catch', async () => {
    const response = await php.run('start-fiber.php');
    assert.equal(response.outcome, 'ok');
    assert.match(response.body, /^Error: Fibers are not available in the embedded PHP engine/);
  });

  test('many times leaves no descriptor behind', async () => {
    const { readdirSync } = await import('node:fs');
    const count = (): number => readdirSync('/proc/self/fd').length;
    for (let round = 0; round < 3; round += 1) await php.run('open-descriptors.php');
    const before = count();
    for (let round = 0; round < 20; round += 1) await php.run('open-descriptors.php');
    assert.equal(count(), before);
  });
});

suite('engine.isolation = request', () => {
  test('hides everything that a request left behind', async () => {
    const php = await PhpThread.start({ isolation: 'request' });
    try {
      const first = await php.text('remember-state.php');
      assert.equal(await php.text('remember-state.php'), first);
      assert.equal(first, '[false,"14",false]');
    } finally {
      await php.stop();
    }
  });
});

suite('A thread over its heap limit', () => {
  test('starts PHP anew between two requests', async () => {
    const php = await PhpThread.start({ heapLimit: 80_000_000 });
    try {
      const big = await php.run('exhaust-memory.php', { phpAdminValue: 'memory_limit=200M' });
      assert.ok(big.heapBytes > 80_000_000, `the heap has only ${big.heapBytes} bytes`);
      const next = await php.run('api-names.php');
      assert.equal(next.outcome, 'ok');
      assert.ok(next.heapBytes < 80_000_000, `the heap still has ${next.heapBytes} bytes`);
    } finally {
      await php.stop();
    }
  });

  test('beyond pm.max_memory_hard it waits for its end, and PHP is out of memory where nobody ends it', async () => {
    const hardLimit = 80 * 2 ** 20;
    const php = await PhpThread.start({ hardLimit });
    try {
      const refused = php.run('exhaust-memory.php', { phpAdminValue: 'memory_limit=200M' });
      await poll('the wish', () => (php.words[sharedWord.heapPages] ?? 0) * 65536 > hardLimit || undefined);
      const { outcome, body, heapBytes } = await refused;
      assert.equal(outcome, 'bailout');
      assert.match(body, /Out of memory/);
      assert.ok(heapBytes <= hardLimit, `${heapBytes} bytes`);
      assert.equal((await php.run('api-names.php')).outcome, 'ok');
    } finally {
      await php.stop();
    }
    await assert.rejects(
      PhpThread.start({ hardLimit: 2 ** 20 }),
      /pm\.max_memory_hard is 1\.0 MB, and PHP takes \d+ MB/,
    );
  });
});
