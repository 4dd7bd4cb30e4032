// @ts-check
/** Needs of each pool by the last hour, their cost, what fits, and how long connections wait: the same as `hathi plan`. */

/** @import { Client } from './client.js' */
/** @import { Capacity as CapacityAnswer, PoolCapacity } from './types.d.ts' */

import { keepChildren, make, setAttribute, setText } from './dom.js';
import { bytes, count, duration, foreign } from './format.js';
import { More } from './more.js';
import { heads } from './table-head.js';

/** It is about an hour. */
const readEveryMs = 30_000;
const firstPools = 6;

/** @type {readonly (import('./table-head.js').Head & { text: (pool: PoolCapacity) => string, alarm?: (pool: PoolCapacity) => 'bad' | 'warn' | undefined })[]} */
const cells = [
  {
    name: 'Needs',
    about: 'Workers for the busiest minute of the last hour',
    text: ({ needed }) => count(needed),
    alarm: ({ needed, maxChildren }) => (needed > maxChildren ? 'warn' : undefined),
  },
  { name: 'May have', about: 'pm.max_children', text: ({ maxChildren }) => count(maxChildren) },
  {
    name: 'Fits',
    about: 'Workers that fit into the memory beside those that the other pools need',
    text: ({ fits }) => count(fits),
    alarm: ({ fits, maxChildren }) => (fits !== undefined && fits < maxChildren ? 'bad' : undefined),
  },
  {
    name: 'A worker',
    place: 'middle',
    about: 'Memory that would be free without it',
    text: ({ workerBytes }) => bytes(workerBytes),
  },
  {
    name: 'Costs',
    place: 'middle',
    about: 'Memory of the workers that are needed',
    text: ({ costBytes }) => bytes(costBytes),
  },
  {
    name: 'Waits',
    place: 'middle',
    about: 'Predicted for the busiest minute with pm.max_children: 95 of 100 connections wait no longer',
    text: ({ waitsNow }) => wait(waitsNow),
    alarm: ({ waitsNow }) => (waitsNow !== undefined && waitsNow.p95Seconds >= 1 ? 'warn' : undefined),
  },
  {
    name: 'Would wait',
    place: 'middle',
    about: 'The same with the settings on the right',
    text: ({ waitsThen }) => wait(waitsThen),
  },
  { name: 'Why', kind: 'text', place: 'wide', text: ({ why }) => why },
  {
    name: 'Settings',
    kind: 'text',
    place: 'wide',
    text: ({ advice }) => advice.map(({ directive, value }) => `${directive} = ${value}`).join(' · '),
  },
];

/** @param {PoolCapacity['waitsNow']} predicted */
function wait(predicted) {
  return predicted === undefined ? '–' : duration(predicted.p95Seconds * 1e6);
}

export class Capacity {
  #body;
  #said;
  #more;
  #client;
  /** @type {CapacityAnswer | undefined} */
  #answer;
  /** @type {string | undefined} */
  #pool;
  #readAt = 0;

  /** @param {HTMLTableElement} table @param {HTMLElement} said @param {HTMLElement} rest where it says what is not drawn @param {Client} client */
  constructor(table, said, rest, client) {
    this.#said = said;
    this.#client = client;
    this.#more = new More(rest, firstPools, () => this.#draw());
    this.#body = /** @type {HTMLElement} */ (table.tBodies[0]);
    table.tHead?.append(make('tr', {}, ...heads([{ name: 'Pool', kind: 'text' }, ...cells])));
  }

  /** @param {string | undefined} pool undefined is all */
  async show(pool) {
    const now = Date.now();
    const isOther = pool !== this.#pool && !this.#answer?.pools.some((row) => row.pool === pool);
    this.#pool = pool;
    if (this.#answer === undefined || isOther || now - this.#readAt >= readEveryMs) {
      const query = new URLSearchParams(pool === undefined ? {} : { first: pool });
      this.#answer = await this.#client.get(`api/plan?${query}`);
      this.#readAt = now;
    }
    this.#draw();
  }

  #draw() {
    if (this.#answer === undefined) return;
    const { availableBytes, costBytes, reserve, pools } = this.#answer;
    setText(
      this.#said,
      `last hour · needs ${bytes(costBytes)} of ${bytes(availableBytes)}, ${Math.round(reserve * 100)} % reserve`,
    );
    const shown = pools.filter((row) => this.#pool === undefined || row.pool === this.#pool);
    keepChildren(this.#body, this.#more.cut(shown, 'No pools.'), ({ pool }) => pool, row, fill);
  }
}

function row() {
  const rest = cells.map(({ place, kind }) => make('td', { 'data-place': place, 'data-kind': kind }));
  return make('tr', {}, make('th', { scope: 'row', class: 'route' }, make('bdi')), ...rest);
}

/** @param {HTMLElement} element @param {PoolCapacity} shown */
function fill(element, shown) {
  setText(/** @type {Element} */ (element.children[0]?.firstElementChild), foreign(shown.pool));
  cells.forEach(({ text, alarm }, index) => {
    const cell = /** @type {Element} */ (element.children[index + 1]);
    setText(cell, text(shown));
    setAttribute(cell, 'data-alarm', alarm?.(shown));
  });
}
