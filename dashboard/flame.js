// @ts-check
/** A flame graph: where a pool's time went. The width of a bar is its share, its callees hang below it. */

/** @import { Bar, Call } from './flame-tree.js' */

import { keepChildren, make, setAttribute, setText } from './dom.js';
import { bars, hottest, parseFolded } from './flame-tree.js';
import { foreign, percent } from './format.js';

const rowHeight = 19;
/** A bar of less than this share of the width cannot be hit. */
const smallest = 1 / 800;
const mostHot = 15;

export class Flame {
  #graph;
  #said;
  #hot;
  /** @type {Call | undefined} */
  #root;
  /** @type {Call | undefined} */
  #focus;
  /** The bar that Tab reaches; arrows go on from there. @type {Call | undefined} */
  #current;
  /** @type {Map<Call, HTMLElement>} */
  #elements = new Map();

  /** @param {HTMLElement} graph @param {HTMLElement} said what a bar is @param {HTMLTableElement} hot */
  constructor(graph, said, hot) {
    this.#graph = graph;
    this.#said = said;
    this.#hot = hot;
    graph.addEventListener('keydown', (event) => this.#onKey(event));
  }

  /** @param {string} folded @param {string} pool */
  show(folded, pool) {
    this.#root = parseFolded(folded, `pool ${pool}`);
    this.#graph.replaceChildren();
    this.#zoom(this.#root);
    this.#showHottest(this.#root);
  }

  /** @param {Call} call */
  #zoom(call) {
    this.#focus = call;
    this.#current = call;
    const shown = bars(call, smallest);
    const depth = Math.max(...shown.map((bar) => bar.depth));
    this.#graph.style.setProperty('height', `${(depth + 1) * rowHeight}px`);
    this.#elements = new Map(shown.map((bar) => [bar.call, this.#bar(bar)]));
    this.#graph.replaceChildren(...this.#elements.values());
    this.#tell(call);
  }

  /** @param {Bar} bar */
  #bar({ call, depth, from, width }) {
    const isFocus = call === this.#focus;
    const element = make('button', {
      type: 'button',
      class: 'bar-of',
      tabindex: isFocus ? '0' : '-1',
      'aria-label': this.#describe(call),
      'data-above': depth < this.#depthOf(this.#focus),
    });
    element.append(foreign(call.name));
    element.style.setProperty('left', `${from * 100}%`);
    element.style.setProperty('width', `${width * 100}%`);
    element.style.setProperty('top', `${depth * rowHeight}px`);
    element.style.setProperty('--hue', String(hueOf(call.name)));
    element.addEventListener('click', () => this.#zoomTo(call));
    element.addEventListener('focus', () => this.#tell(call));
    element.addEventListener('pointermove', (event) => {
      // A browser tells of a pointer at rest as well when another bar comes to stand below it.
      if (event.movementX !== 0 || event.movementY !== 0) this.#tell(call);
    });
    return element;
  }

  /** @param {Call} call */
  #zoomTo(call) {
    this.#zoom(call);
    this.#elements.get(call)?.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const next = this.#neighbour(event.key);
    if (next === undefined) return;
    event.preventDefault();
    if (event.key === 'Escape') return this.#zoomTo(next);
    if (this.#current !== undefined)
      setAttribute(this.#elements.get(this.#current) ?? this.#graph, 'tabindex', '-1');
    this.#current = next;
    const element = this.#elements.get(next);
    element?.setAttribute('tabindex', '0');
    element?.focus();
  }

  /** Where a key leads from the current bar, if there is a bar. @param {string} key */
  #neighbour(key) {
    const call = this.#current;
    if (call === undefined) return undefined;
    const drawn = (/** @type {Call | undefined} */ found) =>
      found && this.#elements.has(found) ? found : undefined;
    switch (key) {
      case 'ArrowUp':
        return call.caller;
      case 'ArrowDown':
        return drawn([...call.callees].sort((a, b) => b.samples - a.samples)[0]);
      case 'ArrowLeft':
      case 'ArrowRight': {
        const siblings = call.caller?.callees.filter((sibling) => this.#elements.has(sibling)) ?? [];
        return siblings[siblings.indexOf(call) + (key === 'ArrowLeft' ? -1 : 1)];
      }
      case 'Escape':
        return this.#focus === this.#root ? undefined : this.#root;
      default:
        return undefined;
    }
  }

  /** @param {Call} call */
  #tell(call) {
    setText(this.#said, this.#describe(call));
  }

  /** @param {Call} call */
  #describe({ name, samples }) {
    return `${foreign(name)}: ${percent(samples, this.#root?.samples ?? 0)}, ${samples} samples`;
  }

  /** @param {Call | undefined} call */
  #depthOf(call) {
    let depth = 0;
    for (let caller = call?.caller; caller !== undefined; caller = caller.caller) depth += 1;
    return depth;
  }

  /** @param {Call} root */
  #showHottest(root) {
    keepChildren(
      /** @type {HTMLElement} */ (this.#hot.tBodies[0]),
      hottest(root).slice(0, mostHot),
      ({ name }) => name,
      () => make('tr', {}, make('th', { scope: 'row' }, make('bdi')), make('td'), make('td')),
      (row, { name, own, total }) => {
        setText(/** @type {Element} */ (row.children[0].firstElementChild), foreign(name));
        setText(row.children[1], percent(own, root.samples));
        setText(row.children[2], percent(total, root.samples));
      },
    );
  }
}

/** Warm, and the same for the same name in every profile. @param {string} name */
function hueOf(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return hash % 50;
}
