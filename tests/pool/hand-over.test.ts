import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  drainDeadline,
  initialWorkers,
  isFullyUp,
  mayTakeOver,
  workersForRestart,
  workersForTakeOver,
} from '../../src/pool/hand-over.ts';

const sizes = { 'pm.max_children': 8, 'pm.start_servers': 3, 'pm.min_children': 1 };

test('initialWorkers: all of a static pool, start_servers of a dynamic one, none of an ondemand one', () => {
  assert.equal(initialWorkers({ ...sizes, pm: 'static' }), 8);
  assert.equal(initialWorkers({ ...sizes, pm: 'dynamic' }), 3);
  assert.equal(initialWorkers({ ...sizes, pm: 'ondemand' }), 0);
  assert.equal(initialWorkers({ ...sizes, 'pm.min_children': 2, pm: 'auto' }), 2);
});

test('workersForRestart: the first worker is enough, and an ondemand pool needs none', () => {
  assert.equal(workersForRestart({ ...sizes, pm: 'static' }), 1);
  assert.equal(workersForRestart({ ...sizes, pm: 'ondemand' }), 0);
});

test('workersForTakeOver: as many as are busy, at least the first ones, at most max_children', () => {
  const pool = {
    ...sizes,
    pm: 'dynamic',
    'worker.script': undefined,
    'reload.probe': '',
    'reload.canary': '',
  } as const;
  assert.deepEqual(
    [0, 3, 5, 8, 20].map((busy) => workersForTakeOver(pool, busy)),
    [3, 3, 5, 8, 8],
  );
});

test('mayTakeOver: beside a serving generation only when all wanted workers are up', () => {
  assert.equal(mayTakeOver({ up: 3, wanted: 3, elapsedMs: 0 }, true), true);
  assert.equal(mayTakeOver({ up: 2, wanted: 3, elapsedMs: 60_000 }, true), false);
});

test('mayTakeOver: where nobody serves, the first worker does', () => {
  assert.equal(mayTakeOver({ up: 1, wanted: 3, elapsedMs: 0 }, false), true);
  assert.equal(mayTakeOver({ up: 0, wanted: 3, elapsedMs: 60_000 }, false), false);
});

test('isFullyUp: a start is done with all first workers, or after three seconds', () => {
  assert.equal(isFullyUp({ up: 1, wanted: 3, elapsedMs: 2_999 }), false);
  assert.equal(isFullyUp({ up: 1, wanted: 3, elapsedMs: 3_000 }), true);
  assert.equal(isFullyUp({ up: 3, wanted: 3, elapsedMs: 0 }), true);
});

test('mayTakeOver: an ondemand pool takes over with no worker', () => {
  assert.equal(mayTakeOver({ up: 0, wanted: 0, elapsedMs: 0 }, true), true);
});

test('drainDeadline: process_control_timeout before request_terminate_timeout, and none without either', () => {
  assert.equal(drainDeadline(1_000, 5, 60), 6_000);
  assert.equal(drainDeadline(1_000, 0, 60), 61_000);
  assert.equal(drainDeadline(1_000, 0, 0), undefined);
});
