// @ts-check
/** A PHP stack as a list, the innermost call on top; or why there is none. */

/** @import { Frame, Stack } from './types.d.ts' */

import { make } from './dom.js';
import { foreign } from './format.js';

/** @param {Stack} stack */
export function stackList({ frames, reason }) {
  if (frames === undefined || frames.length === 0) {
    return make(
      'p',
      { class: 'reason' },
      reason === undefined ? 'No stack.' : `No stack: ${foreign(reason)}`,
    );
  }
  const items = frames.map((frame) =>
    make(
      'li',
      {},
      make('bdi', { class: 'call' }, nameOf(frame)),
      make('bdi', { class: 'place' }, frame.file === '' ? '' : foreign(`${frame.file}:${frame.line}`)),
    ),
  );
  return make('ol', { class: 'stack' }, ...items);
}

/** @param {Frame} frame */
function nameOf({ class: owner, function: name }) {
  return foreign(owner === undefined ? name : `${owner}::${name}`);
}
