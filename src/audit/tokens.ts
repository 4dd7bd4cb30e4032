/** Texts as words, and the difference of two of them. */

/** Words, blanks and single other characters; what makes a date, a path, a base64 text or a token stays together. */
export function tokensOf(text: string): string[] {
  return text.match(/[\w+/=.:~-]+|\s+|[^\w\s]/g) ?? [];
}

/** A place where two lists differ: `from` and `to` are half-open ranges. */
export interface Hunk {
  readonly from: readonly [start: number, end: number];
  readonly to: readonly [start: number, end: number];
}

/** More edits than this are not followed: the texts are different altogether. */
const mostEdits = 800;

/**
 * The places where two lists differ, by Myers' greedy algorithm (An O(ND) Difference Algorithm, 1986).
 *
 * @returns undefined when they differ in more places than can be told
 */
export function differences(from: readonly string[], to: readonly string[]): Hunk[] | undefined {
  let head = 0;
  while (head < from.length && head < to.length && from[head] === to[head]) head += 1;
  let tail = 0;
  const most = Math.min(from.length, to.length) - head;
  while (tail < most && from[from.length - 1 - tail] === to[to.length - 1 - tail]) tail += 1;
  const left = from.slice(head, from.length - tail);
  const right = to.slice(head, to.length - tail);
  if (left.length === 0 && right.length === 0) return [];
  const pairs = left.length === 0 || right.length === 0 ? [] : commonPairs(left, right);
  return pairs && hunksBetween(pairs, left.length, right.length, head);
}

/** Indexes of equal elements, in order. */
function commonPairs(left: readonly string[], right: readonly string[]): [number, number][] | undefined {
  const limit = Math.min(left.length + right.length, mostEdits);
  const furthest = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let edits = 0; edits <= limit; edits += 1) {
    trace.push(new Map(furthest));
    for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
      let x = startOn(furthest, diagonal, edits);
      let y = x - diagonal;
      while (x < left.length && y < right.length && left[x] === right[y]) {
        x += 1;
        y += 1;
      }
      furthest.set(diagonal, x);
      if (x >= left.length && y >= right.length) return walkBack(trace, left.length, right.length);
    }
  }
  return undefined;
}

function startOn(furthest: ReadonlyMap<number, number>, diagonal: number, edits: number): number {
  const above = furthest.get(diagonal + 1) ?? -1;
  const before = furthest.get(diagonal - 1) ?? -1;
  return diagonal === -edits || (diagonal !== edits && before < above) ? above : before + 1;
}

function walkBack(
  trace: readonly ReadonlyMap<number, number>[],
  endX: number,
  endY: number,
): [number, number][] {
  const pairs: [number, number][] = [];
  let [x, y] = [endX, endY];
  for (let edits = trace.length - 1; edits >= 0; edits -= 1) {
    const furthest = trace[edits] ?? new Map<number, number>();
    const diagonal = x - y;
    const goesDown =
      diagonal === -edits ||
      (diagonal !== edits && (furthest.get(diagonal - 1) ?? -1) < (furthest.get(diagonal + 1) ?? -1));
    const previous = goesDown ? diagonal + 1 : diagonal - 1;
    const fromX = edits === 0 ? 0 : (furthest.get(previous) ?? 0);
    const fromY = edits === 0 ? 0 : fromX - previous;
    while (x > fromX && y > fromY) {
      x -= 1;
      y -= 1;
      pairs.push([x, y]);
    }
    [x, y] = [fromX, fromY];
  }
  return pairs.reverse();
}

function hunksBetween(
  pairs: readonly (readonly [number, number])[],
  lengthX: number,
  lengthY: number,
  shift: number,
): Hunk[] {
  const hunks: Hunk[] = [];
  let [x, y] = [0, 0];
  for (const [nextX, nextY] of [...pairs, [lengthX, lengthY] as const]) {
    if (nextX > x || nextY > y)
      hunks.push({ from: [x + shift, nextX + shift], to: [y + shift, nextY + shift] });
    [x, y] = [nextX + 1, nextY + 1];
  }
  return hunks;
}
