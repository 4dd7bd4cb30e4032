import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import test from 'node:test';
import { type CorpusCase, loadCorpus } from './corpus.ts';
import { Random } from './random.ts';
import { ScriptedApplication } from './scripted-application.ts';

function* single(bytes: Uint8Array): Generator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset++) yield bytes.subarray(offset, offset + 1);
}

function check(row: CorpusCase, chunks: Iterable<Uint8Array>): void {
  const result = new ScriptedApplication(row.application).play(chunks, row.inputEnds);
  assert.deepEqual(result, { events: row.events, final: row.final });
}

const corpus = loadCorpus();

test('every corpus file has its expectation and the other way round', () => {
  const files = readdirSync(new URL('./corpus/', import.meta.url));
  const named = (ending: string): string[] =>
    files.filter((file) => file.endsWith(ending)).map((file) => file.slice(0, -ending.length));
  assert.deepEqual(named('.hex'), named('.json'));
  assert.ok(corpus.length >= 70, `${corpus.length} cases`);
});

for (const row of corpus) {
  test(`${row.name}: ${row.about}`, () => {
    check(row, [row.input]);
    check(row, single(row.input));
    for (let seed = 1; seed <= 20; seed++) {
      const random = new Random(seed);
      check(row, random.cut(row.input, random.pick([2, 9, 40, 3000])));
    }
  });
}
