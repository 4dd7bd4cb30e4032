// @ts-check
/** The state of a pool in words, for an operator. */

/** @import { Pool, Trial } from './types.d.ts' */

import { count, foreign, percent } from './format.js';

/** A pool that sleeps serves whoever comes. @param {Pool} pool */
export function isDown({ state }) {
  return state !== 'serving' && state !== 'asleep';
}

/** @param {Pool} pool */
export function isFull({ active, maxChildren }) {
  return maxChildren > 0 && active >= maxChildren;
}

/** Only what an operator has to know; empty when all is well. @param {Pool} pool */
export function stateOf(pool) {
  if (pool.state === 'asleep') return 'asleep';
  if (isDown(pool)) return pool.failure === undefined ? 'starting' : `down: ${foreign(pool.failure)}`;
  const trial = pool.trial === undefined ? [] : [trialText(pool.trial)];
  if (isFull(pool) || trial.length > 0)
    return [...(isFull(pool) ? ['every worker is busy'] : []), ...trial].join('; ');
  return pool.sizing === undefined ? '' : `auto: ${pool.sizing.target} workers, ${pool.sizing.reason}`;
}

/** @param {Trial} trial */
function trialText({ share, secondsLeft, fresh, serving }) {
  const errors = `${count(fresh.errors)} of ${count(fresh.requests)} failed`;
  const before = `before it ${count(serving.errors)} of ${count(serving.requests)}`;
  return `new generation on trial: ${percent(share, 1)} for ${secondsLeft} s more, ${errors}, ${before}`;
}
