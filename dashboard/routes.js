// @ts-check
/** The routes that took most time: what the requests were, with ids in their paths folded. */

/** @import { Client } from './client.js' */
/** @import { Route, Routes as RoutesAnswer } from './types.d.ts' */

import { keepChildren, make, setAttribute, setText } from './dom.js';
import { count, duration, foreign, percent } from './format.js';
import { More } from './more.js';
import { heads, showSince } from './table-head.js';

/** They change slowly, and there may be many pools to read them of. */
const readEveryMs = 10_000;
/** Rows that are drawn unless somebody wants all. */
const firstRoutes = 10;

/** @typedef {Pick<Route, 'route' | 'requests' | 'errors' | 'sumMicros'> & Partial<Route>} Row */

/** @type {readonly (import('./table-head.js').Head & { text: (row: Row, wholeMicros: number) => string, alarm?: (row: Row) => 'bad' | undefined })[]} */
const cells = [
  { name: 'Pool', place: 'wide', kind: 'text', text: ({ pool = '' }) => foreign(pool) },
  { name: 'Requests', since: 'start', text: ({ requests }) => count(requests) },
  {
    name: '5xx',
    since: 'start',
    about: 'Answers with a status 5xx',
    text: ({ errors }) => count(errors),
    alarm: ({ errors }) => (errors > 0 ? 'bad' : undefined),
  },
  {
    name: 'Time',
    since: 'start',
    about: 'What its requests took together',
    text: ({ sumMicros }) => duration(sumMicros),
  },
  {
    name: 'Part',
    since: 'start',
    about: 'Of the time of all requests that are shown here',
    text: ({ sumMicros }, wholeMicros) => percent(sumMicros, wholeMicros),
  },
  {
    name: '≈ p50',
    since: 'start',
    place: 'wide',
    about: 'Half of the requests took no longer: an estimate',
    text: ({ p50Micros }) => duration(p50Micros),
  },
  {
    name: '≈ p95',
    since: 'start',
    place: 'middle',
    about: '95 % of the requests took no longer: an estimate',
    text: ({ p95Micros }) => duration(p95Micros),
  },
  { name: 'Longest', since: 'start', place: 'wide', text: ({ maxMicros }) => duration(maxMicros) },
];

export class Routes {
  #table;
  #body;
  #more;
  #client;
  /** @type {RoutesAnswer | undefined} */
  #answer;
  /** @type {string | undefined} */
  #readFor;
  #readAt = 0;

  /** @param {HTMLTableElement} table @param {HTMLElement} rest where it says what is not drawn @param {Client} client */
  constructor(table, rest, client) {
    this.#table = table;
    this.#client = client;
    this.#more = new More(rest, firstRoutes, () => this.#draw());
    this.#body = /** @type {HTMLElement} */ (table.tBodies[0]);
    table.tHead?.append(make('tr', {}, ...heads([{ name: 'Route', kind: 'text' }, ...cells])));
  }

  /** Reads them when it is time, and at once for another pool. @param {string | undefined} pool undefined is all */
  async show(pool) {
    const now = Date.now();
    if (this.#answer !== undefined && this.#readFor === pool && now - this.#readAt < readEveryMs) return;
    const query = new URLSearchParams(pool === undefined ? {} : { pool });
    this.#answer = await this.#client.get(`api/routes?${query}`);
    this.#readFor = pool;
    this.#readAt = now;
    this.#draw();
  }

  #draw() {
    if (this.#answer === undefined) return;
    const { since, routes, others } = this.#answer;
    showSince(this.#table, since);
    const whole = routes.reduce((sum, { sumMicros }) => sum + sumMicros, others.sumMicros);
    /** @type {Row[]} */
    const rows = others.requests > 0 ? [...routes, { ...others, route: 'All others together' }] : [...routes];
    keepChildren(
      this.#body,
      this.#more.cut(rows, 'No request has ended yet.'),
      ({ pool = '', route }) => `${route} ${pool}`,
      () => row(),
      (element, shown) => fill(element, shown, whole),
    );
  }
}

function row() {
  const rest = cells.map(({ place, kind }) =>
    make('td', { 'data-place': place, 'data-kind': kind }, make('bdi')),
  );
  return make('tr', {}, make('th', { scope: 'row', class: 'route' }, make('bdi')), ...rest);
}

/** @param {HTMLElement} element @param {Row} shown @param {number} whole */
function fill(element, shown, whole) {
  const name = foreign(shown.route);
  setText(/** @type {Element} */ (element.children[0]?.firstElementChild), name);
  setAttribute(/** @type {Element} */ (element.children[0]), 'title', name);
  cells.forEach(({ text, alarm }, index) => {
    const cell = /** @type {Element} */ (element.children[index + 1]);
    setText(/** @type {Element} */ (cell.firstElementChild), text(shown, whole));
    setAttribute(cell, 'data-alarm', alarm?.(shown));
  });
}
