/** The C parser of FastCGI beside the TypeScript one, under the sanitizers: what they say must be equal. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { loadCorpus } from '../fastcgi/corpus.ts';
import { freshSeed } from '../fastcgi/random.ts';
import { applications } from '../fastcgi/scripted-application.ts';
import { TestFolder } from '../harness/folder.ts';
import { buildTarget, playCases, targetSkip } from './fuzz-target.ts';
import { compareParsers, outcomeOf } from './parser-events.ts';

suite('the FastCGI parser of the native engine', { skip: targetSkip }, () => {
  const corpus = loadCorpus();
  let folder: TestFolder;
  let program: string;

  before(() => {
    folder = new TestFolder();
    program = buildTarget('fcgi', folder.path);
  });
  after(() => folder[Symbol.dispose]());

  test('the corpus, in one piece, in pieces of 7 bytes and of 1', () => {
    const cases = corpus.flatMap(({ application, input, inputEnds }) =>
      // Large inputs byte by byte tell nothing more and take their time.
      [0, 7, input.length > 20_000 ? 1000 : 1].map((cut) => {
        return { input, inputEnds, cut, variant: applications.indexOf(application) };
      }),
    );
    const played = playCases(program, cases);
    for (const [index, { name, events, final }] of corpus.entries()) {
      for (let at = 3 * index; at < 3 * index + 3; at++) {
        assert.deepEqual(outcomeOf(played[at]!), { events, final }, `${name}, cut ${cases[at]!.cut}`);
      }
    }
  });

  test('random and damaged inputs give what they give in TypeScript', (t) => {
    const seed = freshSeed();
    t.diagnostic(`seed ${seed}`);
    compareParsers(program, 1, 600);
    compareParsers(program, seed, 600);
  });
});
