// @ts-check
/** The figures of the charts as a table, for those who cannot see a chart or want to copy a number. */

/** @import { History } from './types.d.ts' */

import { definitions, reloadWord } from './charts.js';
import { keepChildren, make, setText } from './dom.js';
import { clock } from './format.js';

const rows = 60;
const columns = definitions.flatMap(({ title, format, lines }) =>
  lines.map(({ column, name }) => ({
    column,
    format,
    title: lines.length === 1 ? title : `${title}, ${name}`,
  })),
);

/** Evenly spread samples of the last minutes, the newest on top. */
export class Figures {
  #body;
  #details;
  #draw = () => {};

  /** @param {HTMLTableElement} table @param {HTMLDetailsElement} details drawn only while it is open */
  constructor(table, details) {
    this.#details = details;
    details.addEventListener('toggle', () => details.open && this.#draw());
    const heads = ['Time', ...columns.map(({ title }) => title), 'Reload'];
    table.tHead?.append(make('tr', {}, ...heads.map((title) => make('th', { scope: 'col' }, title))));
    this.#body = /** @type {HTMLElement} */ (table.tBodies[0]);
  }

  /** @param {History} history @param {number} minutes */
  show(history, minutes) {
    this.#draw = () => this.#fill(history, minutes);
    if (this.#details.open) this.#draw();
  }

  /** @param {History} history @param {number} minutes */
  #fill(history, minutes) {
    const from = (history.at.at(-1) ?? 0) - minutes * 60_000;
    const inRange = history.at.flatMap((at, index) => (at >= from ? [index] : []));
    const step = Math.max(1, Math.ceil(inRange.length / rows));
    const chosen = inRange.reverse().filter((_, index) => index % step === 0);
    keepChildren(
      this.#body,
      chosen,
      (index) => String(history.at[index]),
      () => make('tr', {}, make('th', { scope: 'row' }), ...columns.map(() => make('td')), make('td')),
      (row, index) => {
        setText(row.children[0], clock(history.at[index] ?? 0));
        columns.forEach(({ column, format }, at) => {
          setText(row.children[at + 1], format(history[column][index]));
        });
        setText(row.children[columns.length + 1], reloadsBetween(history, index - step, index));
      },
    );
  }
}

/** Reloads that ended after the one sample and until the other. @param {History} history @param {number} from @param {number} to */
function reloadsBetween({ at: times, reloads }, from, to) {
  const between = reloads.filter(({ at }) => at > (times[from] ?? 0) && at <= (times[to] ?? 0));
  return between.map((reload) => `${reloadWord(reload)} ${clock(reload.at)}`).join(', ');
}
