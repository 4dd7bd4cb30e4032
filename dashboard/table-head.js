// @ts-check
/** Heads of columns: each says what time its figures are about, in the same words in every table. */

import { make, setText } from './dom.js';
import { moment } from './format.js';

/**
 * @typedef {object} Head
 * @property {string} name
 * @property {keyof typeof times} [since] what its figures are about; without it the row tells
 * @property {string} [about]
 * @property {'wide' | 'middle'} [place] only where there is room
 * @property {'text'} [kind] left-aligned
 */

/** Captions below names. `start` is the master's start, whose time is filled in. */
const times = {
  now: 'now',
  recent: 'last 10–15\u00a0s',
  start: 'since the start',
  request: 'running or last',
  worker: 'since its start',
  look: 'since the last look',
};

/** @param {readonly Head[]} columns */
export function heads(columns) {
  return columns.map(({ name, since, about, place, kind }) =>
    make(
      'th',
      { scope: 'col', title: about, 'data-place': place, 'data-kind': kind },
      make('span', {}, name),
      ...(since === undefined ? [] : [make('small', { 'data-since': since }, times[since])]),
    ),
  );
}

/** @param {HTMLTableElement} table @param {number} startedAt of the master, milliseconds since 1970 */
export function showSince(table, startedAt) {
  for (const place of table.querySelectorAll('[data-since="start"]'))
    setText(place, `since ${moment(startedAt)}`);
}
