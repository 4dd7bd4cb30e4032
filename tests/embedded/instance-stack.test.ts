/** Recursion in C: it works to a depth that no program needs, and ends in an error of PHP, not in damaged memory. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { PhpThread, type Response } from './php-thread.ts';

suite('Recursion in C', () => {
  let php: PhpThread;
  /** Answer of a page that uses much of PHP, before any fault. */
  let healthy: string;
  before(async () => {
    php = await PhpThread.start({
      mainIni: 'display_errors=0\nlog_errors=1\nhtml_errors=0\nmemory_limit=512M\n',
    });
    healthy = await php.text('use-much.php');
  });
  after(() => php.stop());

  const recurse = (kind: string, depth: number): Promise<Response> =>
    php.run('recurse-deep.php', { params: [['QUERY_STRING', `kind=${kind}&depth=${depth}`]] });

  /** The next page has to be right whatever has happened. */
  const isUnharmed = async (): Promise<void> => {
    const { outcome, body } = await php.run('use-much.php');
    assert.deepEqual([outcome, body], ['ok', healthy]);
  };

  for (const [kind, depth, body] of [
    ['serialize', 1000, '10004'],
    ['serialize', 10_000, '100004'],
    ['__serialize', 10_000, '1'],
    ['json_encode', 1600, '3201'],
    ['json_encode', 10_000, '20001'],
    ['compare', 10_000, 'same'],
    ['usort', 10_000, '1'],
    ['free', 50_000, 'freed'],
  ] as const) {
    test(`works by ${kind} ${depth} deep`, async () => {
      const response = await recurse(kind, depth);
      assert.deepEqual([response.outcome, response.body, response.log], ['ok', body, '']);
      await isUnharmed();
    });
  }

  // The first two end at the C stack, the next two at that of V8.
  for (const [kind, depth] of [
    ['__toString', 0],
    ['serialize', 300_000],
    ['free', 2_000_000],
    ['usort', 1_000_000],
  ] as const) {
    test(`without end by ${kind} is a fatal error with 500`, async () => {
      const response = await recurse(kind, depth);
      assert.deepEqual([response.outcome, response.status, response.body], ['bailout', 500, '']);
      assert.match(
        response.log,
        /^PHP Fatal error: {2}Maximum call stack size (of \d+ bytes )?reached\. Infinite recursion\? in \/.*recurse-deep\.php on line \d+\n$/,
      );
      await isUnharmed();
    });
  }

  test('without end in a shutdown function leaves the page as it is', async () => {
    const response = await recurse('shutdown', 0);
    assert.deepEqual([response.outcome, response.body], ['bailout', 'done']);
    assert.match(response.log, /^PHP Fatal error: {2}Maximum call stack size/);
    await isUnharmed();
  });
});
