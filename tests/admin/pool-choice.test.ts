/** Which pools are shown where there may be thousands. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choosePools, everyPool, type PoolStanding } from '../../src/figures/pool-choice.ts';

function pool(name: string, fields: Partial<PoolStanding> = {}): PoolStanding {
  return { name, state: 'serving', active: 0, queue: 0, maxChildren: 5, ...fields };
}

const pools = [
  pool('sleeps', { state: 'asleep' }),
  pool('Idle'),
  pool('busy', { active: 1 }),
  pool('full', { active: 4 }),
  pool('queues', { queue: 1 }),
  pool('down', { state: 'starting' }),
  pool('idle2'),
  pool('silent', { state: 'silent' }),
];
const chosen = (choice: Partial<typeof everyPool>) =>
  choosePools(pools, { ...everyPool, ...choice }).map(({ name }) => name);
const names = pools.map(({ name }) => name);

test('all that fit keep the order of the configuration', () => {
  assert.deepEqual(chosen({}), names);
  assert.deepEqual(chosen({ limit: 8, first: 'busy' }), names);
  assert.deepEqual(chosen({ offset: 6 }), ['idle2', 'silent']);
});

test('of more than that those that matter come first, and what is alike keeps its order', () => {
  const ranked = ['down', 'silent', 'queues', 'full', 'busy', 'Idle', 'idle2'];
  assert.deepEqual(chosen({ limit: 7 }), ranked);
  assert.deepEqual(chosen({ limit: 3, offset: 2 }), ['queues', 'full', 'busy']);
  assert.deepEqual(chosen({ limit: 3, offset: 6 }), ['idle2', 'sleeps']);
  assert.deepEqual(chosen({ limit: 0 }), []);
  assert.deepEqual(chosen({ limit: 3, first: 'idle' }), ['Idle', 'idle2', 'down']);
  assert.deepEqual(chosen({ limit: 2, first: 'idle2' }), ['idle2', 'down']);
  assert.deepEqual(chosen({ limit: 2, first: 'sleeps' }), ['sleeps', 'down'], 'also one that sleeps');
});

test('a text chooses pools by a part of their name, whatever the case', () => {
  assert.deepEqual(chosen({ pool: 'IDLE' }), ['Idle', 'idle2']);
  assert.deepEqual(chosen({ pool: 'l', limit: 2 }), ['silent', 'full']);
  assert.deepEqual(chosen({ pool: 'nobody' }), []);
});
