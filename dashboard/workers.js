// @ts-check
/** Live workers, busy ones first, the longest request on top. */

/** @import { Head } from './table-head.js' */
/** @import { Pool, Worker } from './types.d.ts' */

import { keepChildren, make, setAttribute, setText } from './dom.js';
import { bytes, count, duration, foreign } from './format.js';
import { More } from './more.js';
import { heads } from './table-head.js';

/** A worker and its pool. @typedef {Worker & { readonly pool: string }} Row */

/** Rows that are drawn unless somebody wants all. */
const firstRows = 15;

/** @type {readonly (Head & { text: (row: Row) => string })[]} */
const cells = [
  { name: 'Pool', place: 'wide', kind: 'text', text: ({ pool }) => foreign(pool) },
  {
    name: 'State',
    since: 'now',
    kind: 'text',
    text: ({ state, draining }) => (draining ? `${state}, draining` : state),
  },
  {
    name: 'Time',
    since: 'request',
    about: 'Of the running request so far, of the last one while idle',
    text: ({ durationMicros }) => duration(durationMicros),
  },
  { name: 'Request', kind: 'text', text: requestOf },
  { name: 'Script', place: 'wide', kind: 'text', text: ({ script }) => foreign(script) },
  { name: 'Requests', since: 'worker', place: 'wide', text: ({ requests }) => count(requests) },
  {
    name: 'Memory',
    since: 'now',
    place: 'wide',
    about: 'Resident memory of its process; of a thread what PHP used at most in its last request',
    text: ({ residentBytes, memoryBytes }) => bytes(residentBytes ?? memoryBytes),
  },
  {
    name: 'CPU',
    since: 'look',
    place: 'wide',
    about: 'Of one CPU',
    text: ({ processCpuPercent: cpu }) => (cpu === undefined ? '–' : `${Math.round(cpu)}\u202f%`),
  },
];

export class Workers {
  #body;
  #more;
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
    this.#more = new More(rest, firstRows, () => this.#draw());
    this.#body = /** @type {HTMLElement} */ (table.tBodies[0]);
    table.tHead?.append(make('tr', {}, ...heads([{ name: 'PID', kind: 'text' }, ...cells])));
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
      this.#more.cut(
        found,
        this.#rows.length === 0 ? 'No workers.' : `None of ${this.#rows.length} workers fits.`,
      ),
      ({ pool, pid }) => `${pid} ${pool}`,
      (row) => this.#row(row),
      fill,
    );
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

/** @param {Pick<Worker, 'method' | 'uri' | 'query'>} request */
export function requestOf({ method, uri, query }) {
  return foreign([method, query ? `${uri}?${query}` : uri].join(' ').trim());
}
