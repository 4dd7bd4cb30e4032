import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BootPace } from '../../src/generation/boot-pace.ts';

test('no more workers start at once than may, the others follow in order', () => {
  const started: number[] = [];
  const pace = new BootPace(2, (slot) => started.push(slot));
  for (const slot of [0, 1, 2, 3]) pace.add(slot);
  assert.deepEqual(started, [0, 1]);
  pace.settled(1);
  assert.deepEqual(started, [0, 1, 2]);
  pace.settled(1);
  assert.deepEqual(started, [0, 1, 2], 'a worker is settled once');
  pace.settled(0);
  pace.settled(2);
  assert.deepEqual(started, [0, 1, 2, 3]);
});

test('a worker that has not been started is taken back, one that has is not', () => {
  const started: number[] = [];
  const pace = new BootPace(1, (slot) => started.push(slot));
  pace.add(0);
  pace.add(1);
  pace.add(2);
  assert.equal(pace.withdraw(0), false);
  assert.equal(pace.withdraw(1), true);
  pace.settled(0);
  assert.deepEqual(started, [0, 2]);
});

test('with more room the waiting ones start at once', () => {
  const started: number[] = [];
  const pace = new BootPace(1, (slot) => started.push(slot));
  for (const slot of [0, 1, 2]) pace.add(slot);
  pace.atOnce = 3;
  assert.deepEqual(started, [0, 1, 2]);
});
