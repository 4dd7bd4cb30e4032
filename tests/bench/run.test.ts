/** The benchmark still runs: each kind of measurement once, as small as it can be. Its figures are not looked at. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { readCommand, UsageError } from '../../bench/lib/command.ts';
import { checkout, TestFolder } from '../harness/folder.ts';
import { run } from '../harness/server.ts';

interface Document {
  readonly machine: Record<string, unknown>;
  readonly plan: { readonly rounds: number };
  readonly results: readonly {
    readonly name: string;
    readonly failure?: string;
    readonly figures: readonly {
      readonly label: string;
      readonly hathi: { readonly median: number };
      readonly phpFpm?: { readonly median: number };
      readonly target?: { readonly value: number };
    }[];
  }[];
}

const bench = (...args: string[]) =>
  run(process.execPath, ['bench/run.ts', ...args], { cwd: checkout, cap: 60_000 });

/** Together they use every part of bench/lib that does not take its time. */
const quick = ['hello', 'upload', 'boot'];

test('measures, prints a table and writes JSON', async () => {
  using folder = new TestFolder();
  const file = folder.join('result/bench.json');
  const result = await bench(
    ...['--only', quick.join(',')],
    ...['--rounds', '1', '--seconds', '0.05'],
    ...['--json', file],
  );
  assert.equal(result.code, 0, result.stdout + result.stderr);
  const document = JSON.parse(readFileSync(file, 'utf8')) as Document;
  assert.equal(document.plan.rounds, 1);
  assert.deepEqual(document.results.map(({ name }) => name).sort(), quick.toSorted());
  for (const { name, failure, figures } of document.results) {
    assert.equal(failure, undefined);
    assert.ok(figures.length > 0, name);
    for (const { label, hathi, phpFpm } of figures) {
      assert.ok(hathi.median > 0, label);
      assert.ok(phpFpm === undefined || phpFpm.median >= 0, label);
      assert.ok(result.stdout.includes(label), label);
    }
  }
  assert.match(result.stdout, /\d+ of \d+ targets reached/);
});

for (const [args, words] of [
  [['--only', 'hello,nothing'], /no workload "nothing"/],
  [['--rounds', '0'], /"0" rounds/],
  [['--seconds', 'long'], /"long" seconds/],
  [['--restarts', '0'], /"0" times/],
  [['--unknown'], /--unknown/],
] as const) {
  test(`${args.join(' ')} is a mistake`, () => {
    assert.throws(
      () => readCommand([...args]),
      (error) => error instanceof UsageError && words.test(error.message),
    );
  });
}

test('a mistake is explained', async () => {
  const result = await bench('--rounds', '0');
  assert.equal(result.code, 64);
  assert.match(result.stderr, /^bench: cannot run "0" rounds: give 1 or more\nusage: .*\nnames: hello, /);
});
