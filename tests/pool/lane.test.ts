/** The lane for requests that do not wait: how many workers it has, and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LaneSettings, laneSlots, wantedInLane } from '../../src/pool/lane.ts';
import { firstLaneSlot, idleOthers, slotForOther, slotsOf } from '../../src/pool/worker-mode.ts';

const none: LaneSettings = {
  pm: 'static',
  'ping.path': undefined,
  'pm.status_path': undefined,
  'queue.max_wait': 0,
  'queue.max_length': 0,
  'queue.adaptive': false,
  'queue.priority': [],
  'queue.priority_workers': 3,
};

test('a lane exists for paths, and for pages that nobody else answers', () => {
  assert.equal(laneSlots(none), 0);
  assert.equal(laneSlots({ ...none, 'queue.priority': ['/health'] }), 3);
  assert.equal(laneSlots({ ...none, 'ping.path': '/ping' }), 1);
  assert.equal(laneSlots({ ...none, 'pm.status_path': '/status' }), 1);
  // The master answers them in the place of refusals.
  assert.equal(laneSlots({ ...none, 'pm.status_path': '/status', 'queue.max_wait': 3 }), 0);
  assert.equal(laneSlots({ ...none, 'queue.priority': ['/a'], 'queue.max_length': 3 }), 3);
});

test('workers for paths are there with the pool, others while it is full and half a minute longer', () => {
  const paths = { ...none, 'queue.priority': ['/health'] };
  const page = { ...none, 'ping.path': '/ping' };
  const now = 100_000;
  const idle = { now, engine: 'native', fullAt: undefined } as const;
  assert.equal(wantedInLane(paths, idle), 3);
  assert.equal(wantedInLane(paths, { ...idle, engine: 'embedded' }), 3);
  assert.equal(wantedInLane({ ...paths, pm: 'ondemand' }, idle), 0);
  assert.equal(wantedInLane({ ...paths, pm: 'ondemand' }, { ...idle, fullAt: now - 29_000 }), 3);
  assert.equal(wantedInLane(page, idle), 0);
  assert.equal(wantedInLane(page, { ...idle, fullAt: now }), 1);
  assert.equal(wantedInLane(page, { ...idle, fullAt: now - 30_000 }), 0);
  assert.equal(wantedInLane(page, { ...idle, engine: 'embedded', fullAt: now }), 0);
  assert.equal(wantedInLane(none, { ...idle, fullAt: now }), 0);
});

test('its slots come after those for other scripts, which the process manager leaves alone', () => {
  const pool = {
    ...none,
    'queue.priority': ['/health'],
    'pm.max_children': 2,
    'pm.process_idle_timeout': 10,
    'worker.script': '/app.php',
    'worker.other_children': 1,
    'worker.boot_timeout': 30,
  };
  assert.equal(firstLaneSlot(pool), 3);
  assert.equal(slotsOf(pool), 6);
  assert.equal(
    slotForOther(pool, [
      { slot: 0, pid: 1 },
      { slot: 3, pid: 0 },
    ]),
    2,
  );
  assert.equal(slotForOther(pool, [{ slot: 2, pid: 1 }]), undefined);
  const slots = [2, 3].map((slot) => ({ slot, stage: 'idle', stageClockMicros: 0 }) as const);
  assert.deepEqual(idleOthers(pool, slots, 60e6), [2]);
});
