import assert from 'node:assert/strict';
import test from 'node:test';
import { fuzz } from './fuzz.ts';

test('two seconds of random and mutated input: typed failures only, no hang, no growth', () => {
  fuzz(0.3, 1);
  const before = process.memoryUsage().rss;
  const result = fuzz(1.7, Date.now() % 0x7fffffff);
  const grown = process.memoryUsage().rss - before;
  assert.ok(result.cases > 200, `${result.cases} cases`);
  assert.ok(result.failures.size > 5, `few kinds of failures: ${[...result.failures.keys()]}`);
  assert.ok(result.slowestMs < 5000, `slowest case ${result.slowestMs} ms`);
  assert.ok(grown < 200 * 1024 * 1024, `grew by ${grown} bytes`);
});
