import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReloadJournal } from '../../src/watch/reload-journal.ts';

test('who asks during a reload is told of the next one, which reads the files after the question', async () => {
  const journal = new ReloadJournal();
  journal.begin();
  let told = false;
  const answer = journal.next().then((result) => {
    told = true;
    return result;
  });
  journal.inForce();
  await Promise.resolve();
  assert.equal(told, false);
  assert.equal(journal.last?.outcome, 'succeeded');

  journal.begin();
  journal.poolFailed('www', 'the socket is taken');
  journal.inForce();
  const { outcome, reasons } = await answer;
  assert.deepEqual([outcome, reasons], ['partial', ['pool www: the socket is taken']]);

  journal.begin();
  journal.refused(['line 3: unknown entry']);
  assert.deepEqual(journal.last?.reasons, ['line 3: unknown entry']);
  assert.deepEqual(journal.counts, { succeeded: 1, partial: 1, refused: 1 });

  journal.begin();
  journal.notApplied("the socket 'x' keeps its settings");
  journal.inForce();
  assert.deepEqual(
    [journal.last?.outcome, journal.last?.reasons],
    ['partial', ["the socket 'x' keeps its settings"]],
  );
  assert.deepEqual(journal.counts, { succeeded: 1, partial: 2, refused: 1 });

  // Failures of one reload are not those of the next.
  journal.begin();
  journal.inForce();
  assert.deepEqual([journal.last?.outcome, journal.last?.reasons], ['succeeded', []]);
});

test('a master that stops refuses without a reload', async () => {
  const journal = new ReloadJournal();
  // One waits for the current reload, the other for the one after it.
  const underWay = journal.next();
  journal.begin();
  const answer = journal.next();
  journal.impossible('the master is finishing');
  assert.deepEqual((await underWay).reasons, ['the master is finishing']);
  assert.deepEqual((await answer).reasons, ['the master is finishing']);
  assert.deepEqual(journal.counts, { succeeded: 0, partial: 0, refused: 0 });
  assert.equal(journal.last, undefined);
});
