// @ts-check
/** Folded stacks (a stack a line, then its samples) as a tree, and where each of its bars stands. */

/**
 * @typedef {object} Call
 * @property {string} name
 * @property {number} samples in it and in what it called
 * @property {Call | undefined} caller
 * @property {Call[]} callees by name
 */

/** @typedef {{ readonly call: Call, readonly depth: number, readonly from: number, readonly width: number }} Bar from and width are shares of the whole */

/** @param {string} folded @param {string} name of the whole @returns {Call} */
export function parseFolded(folded, name) {
  /** @type {Call} */
  const root = { name, samples: 0, caller: undefined, callees: [] };
  for (const line of folded.split('\n')) {
    const end = line.lastIndexOf(' ');
    const samples = Number(line.slice(end + 1));
    if (end < 0 || !(samples > 0)) continue;
    root.samples += samples;
    let call = root;
    for (const frame of line.slice(0, end).split(';')) {
      call = calleeOf(call, frame);
      call.samples += samples;
    }
  }
  sort(root);
  return root;
}

/** @param {Call} caller @param {string} name */
function calleeOf(caller, name) {
  const known = caller.callees.find((callee) => callee.name === name);
  if (known !== undefined) return known;
  /** @type {Call} */
  const callee = { name, samples: 0, caller, callees: [] };
  caller.callees.push(callee);
  return callee;
}

/** By name, so that two profiles can be compared. @param {Call} root */
function sort(root) {
  const open = [root];
  for (let call = open.pop(); call !== undefined; call = open.pop()) {
    call.callees.sort((a, b) => (a.name < b.name ? -1 : 1));
    open.push(...call.callees);
  }
}

/**
 * The bars when this call fills the width; its callers stand above it, as wide as it is.
 *
 * @param {Call} focus
 * @param {number} smallest share of the width under which a bar is left out
 * @returns {Bar[]}
 */
export function bars(focus, smallest) {
  const callers = callersOf(focus);
  /** @type {Bar[]} */
  const found = callers.map((call, depth) => ({ call, depth, from: 0, width: 1 }));
  const open = [{ call: focus, depth: callers.length, from: 0, width: 1 }];
  for (let bar = open.pop(); bar !== undefined; bar = open.pop()) {
    found.push(bar);
    let { from } = bar;
    for (const call of bar.call.callees) {
      const width = focus.samples === 0 ? 0 : call.samples / focus.samples;
      if (width >= smallest) open.push({ call, depth: bar.depth + 1, from, width });
      from += width;
    }
  }
  return found;
}

/** From the whole down to the caller. @param {Call} call */
function callersOf(call) {
  const callers = [];
  for (let caller = call.caller; caller !== undefined; caller = caller.caller) callers.unshift(caller);
  return callers;
}

/**
 * Functions by the time that they took themselves, not what they called; a function that calls itself counts once.
 *
 * @param {Call} root
 * @returns {{ name: string, own: number, total: number }[]}
 */
export function hottest(root) {
  /** @type {Map<string, { name: string, own: number, total: number }>} */
  const sums = new Map();
  /** @type {{ call: Call, above: ReadonlySet<string> }[]} */
  const open = root.callees.map((call) => ({ call, above: new Set() }));
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { call, above } = next;
    const sum = sums.get(call.name) ?? { name: call.name, own: 0, total: 0 };
    sum.own += call.samples - call.callees.reduce((total, { samples }) => total + samples, 0);
    if (!above.has(call.name)) sum.total += call.samples;
    sums.set(call.name, sum);
    const below = new Set(above).add(call.name);
    open.push(...call.callees.map((callee) => ({ call: callee, above: below })));
  }
  return [...sums.values()].sort((a, b) => b.own - a.own || b.total - a.total);
}
