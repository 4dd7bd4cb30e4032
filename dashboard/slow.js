// @ts-check
/** The last slow requests, each with the stack that it had when it was noticed. */

/** @import { Client } from './client.js' */
/** @import { Pool, SlowRequest } from './types.d.ts' */

import { keepChildren, make, setText } from './dom.js';
import { clock, duration, foreign } from './format.js';
import { More } from './more.js';
import { stackList } from './stack.js';
import { requestOf } from './workers.js';

/** Requests that are drawn unless somebody wants all. */
const firstRequests = 8;
const none = 'None. What takes longer than request_slowlog_timeout is listed here with its stack.';

export class Slow {
  #list;
  #more;
  #client;
  /** @type {readonly SlowRequest[]} */
  #requests = [];
  /** Key of the displayed list: another key reads the list again. */
  #readFor = '';

  /** @param {HTMLElement} list @param {HTMLElement} rest where it says what is not drawn @param {Client} client */
  constructor(list, rest, client) {
    this.#list = list;
    this.#more = new More(rest, firstRequests, () => this.#draw());
    this.#client = client;
  }

  /**
   * Reads the list when a pool has counted another slow request.
   *
   * @param {readonly Pool[]} pools
   * @param {string | undefined} selected
   * @param {boolean} withQueries
   */
  async show(pools, selected, withQueries) {
    const counted = pools.map(({ name, totals }) => [name, totals.slowRequests]);
    const readFor = JSON.stringify([counted, selected, withQueries]);
    if (readFor === this.#readFor) return;
    const { requests } = await this.#client.get(withQueries ? 'api/slow?query=1' : 'api/slow');
    this.#readFor = readFor;
    this.#requests = requests.filter(
      (/** @type {SlowRequest} */ { pool }) => selected === undefined || pool === selected,
    );
    this.#draw();
  }

  #draw() {
    this.#list.hidden = this.#requests.length === 0;
    keepChildren(
      this.#list,
      this.#more.cut(this.#requests, none),
      ({ at, pool, pid, query = '' }) => `${at} ${pid} ${pool} ${query}`,
      () =>
        make('details', {}, make('summary', {}, ...columns.map(([name]) => make('bdi', { class: name })))),
      fill,
    );
  }
}

/** @type {readonly [name: string, text: (request: SlowRequest) => string][]} */
const columns = [
  ['when', ({ at }) => clock(at)],
  ['long', ({ durationMicros }) => duration(durationMicros)],
  ['of', ({ pool }) => foreign(pool)],
  ['what', (request) => requestOf(request)],
  ['where', ({ script }) => foreign(script)],
];

/** @param {HTMLElement} element @param {SlowRequest} request */
function fill(element, request) {
  const summary = /** @type {HTMLElement} */ (element.firstElementChild);
  columns.forEach(([, text], at) => {
    setText(summary.children[at], text(request));
  });
  // A request of the past does not change.
  if (element.children.length === 1) element.append(stackList(request));
}
