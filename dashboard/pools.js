// @ts-check
/** Pools at a glance: a row each, which chooses what the charts and the workers are about. */

/** @import { Head } from './table-head.js' */
/** @import { Pool, Snapshot } from './types.d.ts' */

import { keepChildren, make, setAttribute, setText } from './dom.js';
import { bytes, count, duration, foreign, percent, rate } from './format.js';
import { More } from './more.js';
import { isDown, isFull, stateOf } from './pool-state.js';
import { heads, showSince } from './table-head.js';

/**
 * @typedef {Head & { text: (pool: Pool) => string, alarm?: (pool: Pool) => 'bad' | 'warn' | undefined }} Cell
 */

/** @type {readonly Cell[]} */
const cells = [
  {
    name: 'Queue',
    since: 'now',
    about: 'Connections that wait for a worker, and how many may',
    text: ({ queue, queueLimit }) =>
      queueLimit > 0 ? `${count(queue)} / ${count(queueLimit)}` : count(queue),
    alarm: ({ queue }) => (queue > 0 ? 'bad' : undefined),
  },
  {
    name: 'Req/s',
    since: 'recent',
    about: 'Requests a second',
    text: ({ recent }) => rate(recent.requestsPerSecond),
  },
  {
    name: '≈ p50',
    since: 'recent',
    about: 'Half of the requests took no longer: an estimate',
    place: 'wide',
    text: ({ recent }) => duration(recent.p50Micros),
  },
  {
    name: '≈ p95',
    since: 'recent',
    place: 'middle',
    about: '95 % of the requests took no longer: an estimate',
    text: ({ recent }) => duration(recent.p95Micros),
  },
  {
    name: '≈ p99',
    since: 'recent',
    about: '99 % of the requests took no longer: an estimate',
    place: 'wide',
    text: ({ recent }) => duration(recent.p99Micros),
  },
  {
    name: '5xx/s',
    since: 'recent',
    place: 'wide',
    about: 'Answers with a status 5xx a second',
    text: ({ recent }) => rate(recent.errorsPerSecond),
    alarm: ({ recent }) => (recent.errorsPerSecond > 0 ? 'warn' : undefined),
  },
  {
    name: '5xx',
    since: 'start',
    place: 'middle',
    about: 'Answers with a status 5xx',
    text: ({ totals }) => count(totals.responses[4]),
  },
  {
    name: 'Slow',
    since: 'start',
    about: 'Requests that went into the slow log',
    place: 'wide',
    text: ({ totals }) => count(totals.slowRequests),
  },
  {
    name: 'Maxed',
    since: 'start',
    about: 'Times that pm.max_children kept another worker from being started',
    place: 'wide',
    text: ({ totals }) => count(totals.maxChildrenReached),
    alarm: ({ totals }) => (totals.maxChildrenReached > 0 ? 'warn' : undefined),
  },
  {
    name: 'Memory',
    since: 'now',
    about: 'Of all processes of the pool',
    place: 'wide',
    text: ({ memoryBytes }) => bytes(memoryBytes),
  },
  {
    name: 'A worker',
    since: 'now',
    about: 'Memory that would be free without it, on average',
    place: 'wide',
    text: ({ workerMemory }) => bytes(workerMemory?.averageBytes),
  },
  {
    name: 'CPU',
    since: 'recent',
    about: 'Of all processes of the pool; 100 % are one processor',
    place: 'wide',
    text: ({ cpuPercent }) => (cpuPercent === undefined ? '–' : percent(cpuPercent, 100)),
  },
  {
    name: 'PHP',
    place: 'wide',
    kind: 'text',
    text: ({ phpVersion, engine }) => [phpVersion, engine].filter(Boolean).join(' ') || '–',
  },
];

/** Pools that are drawn unless somebody wants all: the charts below are to be seen as well. */
const firstPools = 12;
/** Pools that are asked for at least: workers of these are listed below. */
const leastAsked = 100;

export class Pools {
  #table;
  #body;
  #more;
  /** @type {readonly Pool[]} */
  #pools = [];
  #matching = 0;
  #text = '';
  #filter;
  #said;
  /** @type {string | undefined} */
  #selected;
  #onSelect;

  /**
   * @param {HTMLTableElement} table
   * @param {HTMLElement} rest where it says what is not drawn
   * @param {{ filter: HTMLInputElement, said: HTMLElement }} bar
   * @param {(name: string | undefined) => void} onSelect undefined stands for all pools
   * @param {() => void} onChoice other pools are wanted
   */
  constructor(table, rest, { filter, said }, onSelect, onChoice) {
    this.#table = table;
    this.#more = new More(rest, firstPools, () => {
      this.#draw();
      onChoice();
    });
    this.#filter = filter;
    this.#said = said;
    filter.addEventListener('input', () => {
      this.#text = filter.value.trim();
      onChoice();
    });
    this.#onSelect = onSelect;
    this.#body = /** @type {HTMLElement} */ (table.tBodies[0]);
    table.tHead?.append(
      make(
        'tr',
        {},
        ...heads([
          { name: 'Pool', kind: 'text' },
          { name: 'Busy workers', since: 'now', kind: 'text' },
          ...cells,
        ]),
      ),
    );
  }

  /**
   * The request for pools: important ones first, since there may be thousands.
   *
   * @param {string | undefined} selected
   */
  question(selected) {
    return new URLSearchParams({
      limit: String(Math.max(leastAsked, this.#more.wanted)),
      ...(this.#text === '' ? {} : { pool: this.#text }),
      ...(selected === undefined ? {} : { first: selected }),
    });
  }

  /** @param {Snapshot} snapshot @param {string | undefined} selected */
  show({ pools, counts, startedAt }, selected) {
    showSince(this.#table, startedAt);
    this.#pools = pools;
    this.#matching = counts.matching;
    this.#selected = selected;
    this.#filter.hidden = counts.pools <= firstPools;
    setText(this.#said, saidOf(counts));
    this.#draw();
  }

  #draw() {
    const pools = this.#matching > firstPools ? troubledFirst(this.#pools, this.#selected) : this.#pools;
    keepChildren(
      this.#body,
      this.#more.cut(pools, this.#text === '' ? 'No pools.' : 'No pool fits.', this.#matching),
      ({ name }) => name,
      ({ name }) => this.#row(name),
      (row, pool) => fill(row, pool, pool.name === this.#selected),
    );
  }

  /** @param {string} name */
  #row(name) {
    const button = make('button', { type: 'button', class: 'pool' }, make('bdi', {}, foreign(name)));
    button.addEventListener('click', () => {
      this.#onSelect(button.getAttribute('aria-pressed') === 'true' ? undefined : name);
    });
    const state = make('p', { class: 'state' });
    const busy = make(
      'td',
      { 'data-kind': 'text', class: 'busy' },
      make('span'),
      make('span', { class: 'meter' }, make('span')),
    );
    return make(
      'tr',
      {},
      make('th', { scope: 'row' }, button, state),
      busy,
      ...cells.map(({ place, kind }) => make('td', { 'data-place': place, 'data-kind': kind })),
    );
  }
}

/** @param {HTMLElement} row @param {Pool} pool @param {boolean} isSelected */
function fill(row, pool, isSelected) {
  const [head, busy, ...rest] = row.children;
  const [button, state] = /** @type {HTMLElement} */ (head).children;
  setAttribute(button, 'aria-pressed', String(isSelected));
  setAttribute(row, 'data-selected', isSelected ? 'true' : undefined);
  setText(state, stateOf(pool));
  setAttribute(state, 'data-alarm', isDown(pool) || isFull(pool) ? 'bad' : undefined);
  const [text, meter] = /** @type {HTMLElement} */ (busy).children;
  const saturation = pool.maxChildren > 0 ? pool.active / pool.maxChildren : 0;
  setText(text, `${pool.active} / ${pool.maxChildren}  ${percent(pool.active, pool.maxChildren)}`);
  /** @type {HTMLElement} */ (meter.firstElementChild).style.setProperty(
    'width',
    `${Math.min(100, saturation * 100)}%`,
  );
  setAttribute(meter, 'data-alarm', saturation >= 1 ? 'bad' : saturation >= 0.8 ? 'warn' : undefined);
  cells.forEach(({ text: textOf, alarm }, index) => {
    const cell = rest[index];
    setText(cell, textOf(pool));
    setAttribute(cell, 'data-alarm', alarm?.(pool));
  });
}

/**
 * For where not all can be seen; what is alike keeps the order of the configuration. The chosen one is always there.
 *
 * @param {readonly Pool[]} pools
 * @param {string | undefined} selected
 */
function troubledFirst(pools, selected) {
  const rank = (/** @type {Pool} */ pool) => (pool.name === selected ? 4 : troubleOf(pool));
  return [...pools].sort((a, b) => rank(b) - rank(a));
}

/** Coarse, so that rows do not jump with every figure. @param {Pool} pool */
function troubleOf(pool) {
  const { state, queue, active, maxChildren } = pool;
  if (isDown(pool)) return 3;
  if (queue > 0) return 2;
  if (active >= 0.8 * maxChildren) return 1;
  return state === 'asleep' ? -1 : 0;
}

/** @param {Snapshot['counts']} counts */
function saidOf({ pools, asleep, matching }) {
  if (pools <= firstPools && asleep === 0) return '';
  return [
    count(pools),
    ...(asleep > 0 ? [`${count(asleep)} asleep`] : []),
    ...(matching < pools ? [`${count(matching)} with this name`] : []),
  ].join(' · ');
}

/** The pool that has least room; undefined where none has anything to do. @param {readonly Pool[]} pools */
export function fullest(pools) {
  const busy = (/** @type {Pool} */ { active, maxChildren }) => (maxChildren > 0 ? active / maxChildren : 0);
  const [first] = [...pools].sort((a, b) => busy(b) - busy(a));
  return first !== undefined && busy(first) > 0 ? first : undefined;
}
