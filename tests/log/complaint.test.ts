import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Complaint } from '../../src/log/complaint.ts';

test('the same trouble is said at once, then once a minute with how often it came', () => {
  const complaint = new Complaint();
  assert.equal(complaint.about('full', 1000), 'full');
  for (const now of [1001, 30_000, 60_999]) assert.equal(complaint.about('full', now), undefined);
  assert.equal(complaint.about('full', 61_000), 'full (and 3 times since this was said)');
  assert.equal(complaint.about('full', 121_000), 'full');
});

test('other trouble, and trouble after it went well, is news', () => {
  const complaint = new Complaint();
  assert.equal(complaint.about('full', 0), 'full');
  assert.equal(complaint.about('a link', 1), 'a link');
  assert.equal(complaint.about('full', 2), 'full');
  complaint.settled();
  assert.equal(complaint.about('full', 3), 'full');
});
