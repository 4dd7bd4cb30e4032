// @ts-check
/** Live workers, busy ones first, the longest request on top. */

/** @import { Pool, Worker } from './types.d.ts' */

import { keepChildren, make, setAttribute, setText } from './dom.js';
import { bytes, count, duration, foreign } from './format.js';

/** A worker and its pool. @typedef {Worker & { readonly pool: string }} Row */

/** So many rows are drawn; a filter finds the others. */
const mostRows = 100;

/** @type {readonly { name: string, place?: 'wide', kind?: 'text', text: (row: Row) => string }[]} */
const cells = [
  { name: 'Pool', place: 'wide', kind: 'text', text: ({ pool }) => foreign(pool) },
  { name: 'State', kind: 'text', text: ({ state, draining }) => (draining ? `${state}, draining` : state) },
  { name: 'Time', text: ({ durationMicros }) => duration(durationMicros) },
  { name: 'Request', kind: 'text', text: requestOf },
  { name: 'Script', place: 'wide', kind: 'text', text: ({ script }) => foreign(script) },
  { name: 'Requests', place: 'wide', text: ({ requests }) => count(requests) },
  { name: 'Memory', place: 'wide', text: ({ memoryBytes }) => bytes(memoryBytes) },
  {
    name: 'CPU',
    place: 'wide',
    text: ({ cpuPercent }) => (cpuPercent === undefined ? '–' : `${Math.round(cpuPercent)}\u202f%`),
  },
];

export class Workers {
  #body;
  #rest;
  #onOpen;
  #filter = '';
  #busyOnly = false;
  /** @type {readonly Row[]} */
  #rows = [];

  /**
   * @param {HTMLTableElement} table
   * @param {HTMLElement} rest where it says what is not drawn
   * @param {(row: Row) => void} onOpen
   */
  constructor(table, rest, onOpen) {
    this.#onOpen = onOpen;
    this.#rest = rest;
    this.#body = /** @type {HTMLElement} */ (table.tBodies[0]);
    const heads = cells.map(({ name, place, kind }) =>
      make('th', { scope: 'col', 'data-place': place, 'data-kind': kind }, name),
    );
    table.tHead?.append(make('tr', {}, make('th', { scope: 'col', 'data-kind': 'text' }, 'PID'), ...heads));
  }

  /** @param {string} filter @param {boolean} busyOnly */
  choose(filter, busyOnly) {
    this.#filter = filter.toLowerCase();
    this.#busyOnly = busyOnly;
    this.#draw();
  }

  /** @param {readonly Pool[]} pools @returns {readonly Row[]} */
  show(pools) {
    this.#rows = pools
      .flatMap(({ name, workers }) => workers.map((worker) => ({ ...worker, pool: name })))
      .sort(
        (a, b) =>
          Number(isIdle(a)) - Number(isIdle(b)) || b.durationMicros - a.durationMicros || a.pid - b.pid,
      );
    this.#draw();
    return this.#rows;
  }

  #draw() {
    const found = this.#rows.filter((row) => this.#isWanted(row));
    keepChildren(
      this.#body,
      found.slice(0, mostRows),
      ({ pool, pid }) => `${pid} ${pool}`,
      (row) => this.#row(row),
      fill,
    );
    setText(this.#rest, restText(found.length, this.#rows.length));
  }

  /** @param {Row} row */
  #row({ pid, pool }) {
    const button = make('button', { type: 'button', class: 'pid' }, String(pid));
    button.addEventListener('click', () => {
      const row = this.#rows.find((now) => now.pid === pid && now.pool === pool);
      if (row !== undefined) this.#onOpen(row);
    });
    const rest = cells.map(({ place, kind }) =>
      make('td', { 'data-place': place, 'data-kind': kind }, make('bdi')),
    );
    return make('tr', {}, make('th', { scope: 'row' }, button), ...rest);
  }

  /** @param {Row} row */
  #isWanted(row) {
    if (this.#busyOnly && isIdle(row)) return false;
    return [String(row.pid), row.pool, row.state, row.method, row.uri, row.script].some((text) =>
      text.toLowerCase().includes(this.#filter),
    );
  }
}

/** @param {HTMLElement} element @param {Row} row */
function fill(element, row) {
  setAttribute(element, 'data-idle', isIdle(row) ? 'true' : undefined);
  cells.forEach(({ text }, index) => {
    const cell = element.children[index + 1];
    const shown = text(row);
    setText(/** @type {Element} */ (cell.firstElementChild), shown);
    // Long ones are cut by the style: the whole is there for whoever points at it.
    if (cells[index]?.kind === 'text') setAttribute(cell, 'title', shown === '' ? undefined : shown);
  });
}

/** @param {Worker} worker */
function isIdle({ state }) {
  return state === 'Idle';
}

/** @param {Worker} worker */
export function requestOf({ method, uri, query }) {
  return foreign([method, query ? `${uri}?${query}` : uri].join(' ').trim());
}

/** @param {number} found @param {number} all */
function restText(found, all) {
  if (all === 0) return 'No workers.';
  if (found === 0) return `None of ${all} workers fits.`;
  if (found > mostRows) return `The first ${mostRows} of ${found} workers. Filter to find others.`;
  return found < all ? `${found} of ${all} workers.` : '';
}
