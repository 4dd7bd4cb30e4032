// @ts-check
/** The few things that the page does with elements. Text is always set as text: what it says may be hostile. */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | boolean | undefined>} [attributes] false and undefined leave one out
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children);
  return element;
}

/**
 * The element of the page with that id.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function find(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page lacks #${id}`);
  return element;
}

/**
 * Leaves an element alone whose text is right already, so that a selection in it stays.
 *
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | undefined} value undefined takes the attribute away
 */
export function setAttribute(element, name, value) {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** @type {WeakMap<Element, Map<string, HTMLElement>>} */
const rowsOf = new WeakMap();

/**
 * Makes the children of an element those of the items, in their order. The element of a remaining item remains as well:
 * a button in it keeps its focus, a text its selection.
 *
 * @template T
 * @param {HTMLElement} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} create
 * @param {(element: HTMLElement, item: T) => void} update
 */
export function keepChildren(parent, items, keyOf, create, update) {
  const focused = document.activeElement;
  const before = rowsOf.get(parent) ?? new Map();
  /** @type {Map<string, HTMLElement>} */
  const now = new Map();
  items.forEach((item, index) => {
    const key = keyOf(item);
    const element = before.get(key) ?? create(item);
    update(element, item);
    now.set(key, element);
    const there = parent.children[index] ?? null;
    if (there !== element) parent.insertBefore(element, there);
  });
  for (const [key, element] of before) if (!now.has(key)) element.remove();
  rowsOf.set(parent, now);
  // An element that was moved has lost its focus.
  if (focused instanceof HTMLElement && focused !== document.activeElement && parent.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}
