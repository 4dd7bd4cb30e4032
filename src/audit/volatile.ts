/**
 * A text that a fresh process gives, with the places that differ from one fresh process to the next: times, nonces,
 * tokens, session ids, counters of a database. There the answer of a warm worker may differ too, and nowhere else.
 */

import { differences, type Hunk, tokensOf } from './tokens.ts';

/** A difference outside of the volatile places. */
export interface TextDifference {
  readonly fresh: string;
  readonly warm: string;
  /** The text before it. */
  readonly before: string;
}

/** So much more than in the fresh process may stand at a volatile place, in words. */
const slack = 8;

export class VolatileText {
  readonly #tokens: readonly string[];
  /** By word; the last one is the end. A place between two words is that of the second. */
  readonly #isVolatile: boolean[];
  #isAltogether = false;

  /** @param runs what fresh processes have answered, at least one */
  constructor(runs: readonly string[]) {
    this.#tokens = tokensOf(runs[0] ?? '');
    this.#isVolatile = Array(this.#tokens.length + 1).fill(false);
    for (const run of runs.slice(1)) this.#learn(run);
  }

  /** The fresh processes differ in so much that nothing can be compared. */
  get isAltogether(): boolean {
    return this.#isAltogether;
  }

  get hasVolatile(): boolean {
    return this.#isAltogether || this.#isVolatile.includes(true);
  }

  #learn(run: string): void {
    const hunks = differences(this.#tokens, tokensOf(run));
    if (hunks === undefined) this.#isAltogether = true;
    for (const { from } of hunks ?? []) this.#isVolatile.fill(true, from[0], Math.max(from[1], from[0] + 1));
  }

  /** The first difference of a warm worker's text; undefined where there is none. */
  differenceOf(warm: string): TextDifference | undefined {
    if (this.#isAltogether) return undefined;
    const tokens = tokensOf(warm);
    const hunks = differences(this.#tokens, tokens);
    if (hunks === undefined) return { fresh: this.#tokens.join(''), warm, before: '' };
    const hunk = hunks.find((each) => !this.#allows(each));
    if (hunk === undefined) return undefined;
    return {
      fresh: this.#tokens.slice(...hunk.from).join(''),
      warm: tokens.slice(...hunk.to).join(''),
      before: this.#tokens.slice(Math.max(0, hunk.from[0] - 8), hunk.from[0]).join(''),
    };
  }

  #allows({ from, to }: Hunk): boolean {
    const [start, end] = from;
    const isInserted = start === end;
    const places = isInserted
      ? [this.#isVolatile[start], this.#isVolatile[start - 1]]
      : [this.#isVolatile.slice(start, end).every(Boolean)];
    return places.includes(true) && to[1] - to[0] <= 2 * (end - start) + slack;
  }
}
