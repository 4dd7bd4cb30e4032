// @ts-check
/** One worker: what it does, and its end when somebody asks for it. */

/** @import { Client } from './client.js' */
/** @import { Row } from './workers.js' */

import { find, make, setText } from './dom.js';
import { bytes, clock, count, duration, foreign } from './format.js';
import { stackList } from './stack.js';
import { requestOf } from './workers.js';

/** @type {readonly [name: string, text: (row: Row) => string][]} */
const facts = [
  ['Pool', ({ pool }) => foreign(pool)],
  ['State', ({ state, draining }) => (draining ? `${state}, finishes after a reload` : state)],
  ['Request', requestOf],
  ['Script', ({ script }) => foreign(script)],
  [
    'Time',
    ({ state, durationMicros }) =>
      `${duration(durationMicros)}${state === 'Idle' ? ', last request' : ' so far'}`,
  ],
  [
    'Process',
    ({ residentBytes }) => (residentBytes === undefined ? 'a thread' : `${bytes(residentBytes)} resident`),
  ],
  [
    'Memory',
    ({ memoryBytes }) =>
      memoryBytes === undefined ? 'known when the request has ended' : `${bytes(memoryBytes)}, last request`,
  ],
  ['Requests', ({ requests, startedAt }) => `${count(requests)} since ${clock(startedAt)}`],
  ['Application', applicationOf],
];

/** Worker mode. @param {Row} row */
function applicationOf({ application }) {
  if (application === undefined) return 'not booted: it runs scripts';
  const { boots, bootMicros, requests, growthBytesPerRequest: growth } = application;
  const parts = [
    `booted in ${duration(bootMicros)}`,
    ...(boots > 1 ? [`boot ${count(boots)} of this worker`] : []),
    `${count(requests)} requests since`,
    ...(growth === undefined ? [] : [`grows ${count(growth)} bytes a request`]),
  ];
  return parts.join(', ');
}

export class WorkerDialog {
  #dialog = find('worker', HTMLDialogElement);
  #title = find('worker-title', HTMLElement);
  #stack = find('worker-stack', HTMLElement);
  #said = find('worker-said', HTMLElement);
  #values = facts.map(() => make('dd'));
  #client;
  /** @type {Row | undefined} */
  #row;

  /** @param {Client} client */
  constructor(client) {
    this.#client = client;
    find('worker-facts', HTMLElement).append(
      ...facts.flatMap(([name], at) => [make('dt', {}, name), this.#values[at]]),
    );
    find('worker-look', HTMLButtonElement).addEventListener('click', () => this.#look());
    find('worker-quit', HTMLButtonElement).addEventListener('click', () => this.#end('quit'));
    find('worker-term', HTMLButtonElement).addEventListener('click', () => this.#end('term'));
    find('worker-close', HTMLButtonElement).addEventListener('click', () => this.#dialog.close());
  }

  /** @param {Row} row */
  open(row) {
    this.#row = row;
    setText(this.#said, '');
    this.#fill(row);
    this.#stack.replaceChildren();
    this.#dialog.showModal();
    this.#look();
  }

  /** Updates the workers. @param {readonly Row[]} rows */
  show(rows) {
    if (!this.#dialog.open || this.#row === undefined) return;
    const { pid, pool } = this.#row;
    const now = rows.find((row) => row.pid === pid && row.pool === pool);
    if (now === undefined) setText(this.#said, 'This worker has ended.');
    else this.#fill(now);
  }

  /** @param {Row} row */
  #fill(row) {
    setText(this.#title, `Worker ${row.pid}`);
    facts.forEach(([, text], at) => {
      setText(this.#values[at], text(row));
    });
  }

  async #look() {
    const row = this.#row;
    if (row === undefined) return;
    const query = new URLSearchParams({ pool: row.pool, pid: String(row.pid) });
    try {
      const stack = await this.#client.get(`api/stack?${query}`);
      if (row.pid !== this.#row?.pid) return;
      const seen = `At ${clock(stack.at)}, after ${duration(stack.durationMicros)}`;
      this.#stack.replaceChildren(
        ...(stack.frames === undefined ? [] : [make('p', {}, seen)]),
        stackList(stack),
      );
    } catch (error) {
      this.#stack.replaceChildren(
        stackList({ reason: error instanceof Error ? error.message : String(error) }),
      );
    }
  }

  /** @param {'quit' | 'term'} how */
  async #end(how) {
    if (this.#row === undefined) return;
    const { pool, pid } = this.#row;
    try {
      await this.#client.ask(`api/end-worker?${new URLSearchParams({ pool, pid: String(pid), how })}`, {
        method: 'POST',
      });
      setText(
        this.#said,
        how === 'quit' ? 'It ends when its request is done.' : 'It was told to end at once.',
      );
    } catch (error) {
      setText(this.#said, `Not done: ${error instanceof Error ? error.message : error}`);
    }
  }
}
