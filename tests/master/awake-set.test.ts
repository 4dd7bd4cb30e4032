/** Which pools the master looks at every second. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AwakeSet } from '../../src/generation/awake-set.ts';

test('a pool is looked at from the moment when something happens to it until it is at rest', () => {
  const set = new AwakeSet<{ isAtRest: boolean }>();
  const [busy, sleeping] = [{ isAtRest: false }, { isAtRest: true }];
  set.rouse(busy);
  set.rouse(sleeping);
  set.rouse(busy);
  assert.deepEqual(set.pools, [busy, sleeping], 'once each, also one that is at rest already');
  set.letRest();
  assert.deepEqual(set.pools, [busy]);
  busy.isAtRest = true;
  set.letRest();
  assert.deepEqual(set.pools, []);
  set.rouse(busy);
  set.remove(busy);
  assert.deepEqual(set.pools, []);
});

test('one that is roused while the others are looked at is looked at the next time', () => {
  const set = new AwakeSet<{ isAtRest: boolean }>();
  const late = { isAtRest: false };
  set.rouse({ isAtRest: true });
  for (const _ of set.pools) set.rouse(late);
  set.letRest();
  assert.deepEqual(set.pools, [late]);
});
