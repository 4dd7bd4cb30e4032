/**
 * Fuzzes the FastCGI servers for longer than the test suite does:
 *   node scripts/fuzz-fastcgi.ts [--seconds N] [--seed N] [--native]
 * With --native every input goes to the C parser as well, under the sanitizers, and the two are compared.
 * A failing case names its seed; `--seed` with that number runs it first. Exit code 1 on a failure.
 */
import { parseArgs } from 'node:util';
import { loadCorpus } from '../tests/fastcgi/corpus.ts';
import { fuzz } from '../tests/fastcgi/fuzz.ts';
import { freshSeed } from '../tests/fastcgi/random.ts';
import { TestFolder } from '../tests/harness/folder.ts';
import { buildTarget } from '../tests/native/fuzz-target.ts';
import { compareParsers } from '../tests/native/parser-events.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    native: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed)) {
  process.stderr.write(`Cannot fuzz for "${values.seconds}" s from seed "${values.seed}": must be numbers\n`);
  process.exit(64);
}

function fuzzOne(): void {
  const until = performance.now() + seconds * 1000;
  const result = fuzz(seed, () => performance.now() < until);
  process.stdout.write(`${result.cases} cases, ${result.bytes} bytes, first seed ${seed}\n`);
  for (const [code, count] of [...result.failures].sort((a, b) => b[1] - a[1])) {
    process.stdout.write(`${String(count).padStart(10)} ${code}\n`);
  }
  const { rss } = process.memoryUsage();
  process.stdout.write(`resident memory ${(rss / 1024 / 1024).toFixed(0)} MiB\n`);
}

function fuzzBoth(): void {
  const batch = 500;
  const corpus = loadCorpus();
  using folder = new TestFolder();
  const program = buildTarget('fcgi', folder.path);
  const until = performance.now() + seconds * 1000;
  let next = seed;
  for (; performance.now() < until; next += batch) compareParsers(program, next, batch, corpus);
  process.stdout.write(`${next - seed} cases in 3 cuts each to both parsers, first seed ${seed}\n`);
}

try {
  if (values.native) fuzzBoth();
  else fuzzOne();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
