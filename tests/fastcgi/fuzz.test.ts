import assert from 'node:assert/strict';
import test from 'node:test';
import { fuzz } from './fuzz.ts';
import { freshSeed } from './random.ts';

const warmUp = 100;
const cases = 600;

test('random and mutated input: typed failures only, no hang, no growth', (t) => {
  const seed = freshSeed();
  t.diagnostic(`seed ${seed}`);
  fuzz(1, (count) => count < warmUp);
  const before = process.memoryUsage().rss;
  const { failures } = fuzz(seed, (count) => count < cases);
  const grown = process.memoryUsage().rss - before;
  assert.ok(failures.size > 5, `few kinds of failures: ${[...failures.keys()]}`);
  assert.ok(grown < 200 * 1024 * 1024, `grew by ${grown} bytes`);
});
