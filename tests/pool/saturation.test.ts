/** How full a pool is, and when others should take what comes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextFullness, notFull, saturatedAfterMs, saturation } from '../../src/pool/saturation.ts';

test('saturation is demand against capacity', () => {
  assert.equal(saturation({ busy: 0, waiting: 0, limit: 4 }), 0);
  assert.equal(saturation({ busy: 3, waiting: 0, limit: 4 }), 0.75);
  assert.equal(saturation({ busy: 4, waiting: 4, limit: 4 }), 2);
  assert.equal(saturation({ busy: 1, waiting: 0, limit: 0 }), 0);
});

/** Plays levels that are looked at once a second. */
function play(levels: readonly number[]): boolean[] {
  let state = notFull;
  return levels.map((level, second) => {
    state = nextFullness(state, level, second * 1000);
    return state.isSaturated;
  });
}

test('a pool counts as saturated after it has been full for a while, and until it is well below', () => {
  assert.equal(saturatedAfterMs, 3000);
  assert.deepEqual(play([1, 1, 1, 1, 0.9, 0.8, 0.79, 1]), [
    ...[false, false, false, true],
    ...[true, true, false, false],
  ]);
  assert.deepEqual(play([1, 1, 0.99, 1, 1, 1]), [false, false, false, false, false, false], 'a peak');
  assert.deepEqual(play([2, 2, 5, 1, 0]), [false, false, false, true, false]);
});
