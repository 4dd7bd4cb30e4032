// @ts-check
/** The end of a list that shows its first items, until somebody asks for the others. */

import { make, setText } from './dom.js';

/** More than anybody reads, and than a browser draws every other second. */
const most = 500;

export class More {
  #first;
  #isOpen = false;
  #said = make('span');
  #button = make('button', { type: 'button' });

  /** @param {HTMLElement} place @param {number} first @param {() => void} onChange */
  constructor(place, first, onChange) {
    this.#first = first;
    this.#button.addEventListener('click', () => {
      this.#isOpen = !this.#isOpen;
      onChange();
    });
    place.append(this.#said, this.#button);
  }

  /**
   * @template T
   * @param {readonly T[]} items
   * @param {string} empty said when there are none
   * @param {number} [all] how many there are, where not all of them have been sent
   * @returns {readonly T[]} those to draw
   */
  cut(items, empty, all = items.length) {
    const shown = items.slice(0, this.#isOpen ? most : this.#first);
    const rest = all - shown.length;
    setText(this.#said, items.length === 0 ? empty : rest > 0 ? `${rest} more ` : '');
    this.#button.hidden = all <= this.#first;
    setText(this.#button, this.#isOpen ? 'Show fewer' : `Show ${Math.min(all, most)}`);
    return shown;
  }

  /** How many of the items are of use. */
  get wanted() {
    return this.#isOpen ? most : this.#first;
  }
}
