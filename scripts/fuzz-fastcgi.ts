/**
 * Fuzzes the FastCGI server for longer than the test suite does:
 *   node scripts/fuzz-fastcgi.ts [--seconds N] [--seed N]
 * A failing case names its seed; `--seed` with that number runs it first. Exit code 1 on a failure.
 */
import { parseArgs } from 'node:util';
import { fuzz } from '../tests/fastcgi/fuzz.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const seconds = Number(values.seconds);
const seed = values.seed === undefined ? Date.now() % 0x7fffffff : Number(values.seed);
if (!(seconds > 0) || !Number.isInteger(seed)) {
  process.stderr.write(`Cannot fuzz for "${values.seconds}" s from seed "${values.seed}": must be numbers\n`);
  process.exit(64);
}

try {
  const result = fuzz(seconds, seed);
  process.stdout.write(`${result.cases} cases, ${result.bytes} bytes, first seed ${seed}\n`);
  process.stdout.write(`slowest case ${result.slowestMs.toFixed(1)} ms\n`);
  for (const [code, count] of [...result.failures].sort((a, b) => b[1] - a[1])) {
    process.stdout.write(`${String(count).padStart(10)} ${code}\n`);
  }
  const { rss } = process.memoryUsage();
  process.stdout.write(`resident memory ${(rss / 1024 / 1024).toFixed(0)} MiB\n`);
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
