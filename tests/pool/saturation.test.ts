/** How full a pool is, and when others should take what comes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Fullness,
  nextFullness,
  notFull,
  saturatedAfterMs,
  saturation,
} from '../../src/pool/saturation.ts';

test('saturation is demand against capacity', () => {
  assert.equal(saturation({ busy: 0, waiting: 0, limit: 4 }), 0);
  assert.equal(saturation({ busy: 3, waiting: 0, limit: 4 }), 0.75);
  assert.equal(saturation({ busy: 4, waiting: 4, limit: 4 }), 2);
  assert.equal(saturation({ busy: 1, waiting: 0, limit: 0 }), 0);
});

/** Plays levels that are looked at once a second. */
function play(levels: readonly number[]): boolean[] {
  let state: Fullness = notFull;
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

test('the mean follows a change within half a minute, and a moment moves it little', () => {
  let state: Fullness = nextFullness(notFull, 0.5, 0);
  assert.equal(state.mean, 0.5, 'the first sample');
  state = nextFullness(state, 1.5, 1000);
  assert.ok(state.mean > 0.55 && state.mean < 0.65, String(state.mean));
  for (let second = 2; second <= 32; second++) state = nextFullness(state, 0.9, second * 1000);
  assert.ok(Math.abs(state.mean - 0.9) < 0.05, String(state.mean));
  // After a sleep of an hour only the present counts.
  assert.ok(nextFullness(state, 0, 3_600_000).mean < 1e-9);
});
