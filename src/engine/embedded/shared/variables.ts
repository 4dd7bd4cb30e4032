/**
 * The parameters of a request in one piece, for the worker thread and PHP: one string that is copied as a whole,
 * instead of sixty that are split and joined on the way.
 */

export class Variables {
  /** Every name and value with a final NUL for C. Values may contain NULs. */
  readonly text: string;
  /** Lengths of names and values, alternating. */
  readonly lengths: readonly number[];

  constructor(text: string, lengths: readonly number[]) {
    this.text = text;
    this.lengths = lengths;
  }

  /** @param pairs names and values, binary strings, in PHP's order */
  static of(pairs: Iterable<readonly [name: string, value: string]>): Variables {
    const parts: string[] = [];
    for (const [name, value] of pairs) parts.push(name, value);
    return new Variables(
      [...parts, ''].join('\0'),
      parts.map(({ length }) => length),
    );
  }

  /** For duplicates the last one counts, as in PHP. */
  get(name: string): string | undefined {
    let found: string | undefined;
    this.each((start, length, value, valueLength) => {
      if (length !== name.length || !this.text.startsWith(name, start)) return;
      found = this.text.slice(value, value + valueLength);
    });
    return found;
  }

  /** Calls back with the position in {@link text} of each name and its value. */
  each(visit: (name: number, nameLength: number, value: number, valueLength: number) => void): void {
    const { lengths } = this;
    let at = 0;
    for (let index = 0; index < lengths.length; index += 2) {
      const nameLength = lengths[index] as number;
      const valueLength = lengths[index + 1] as number;
      const value = at + nameLength + 1;
      visit(at, nameLength, value, valueLength);
      at = value + valueLength + 1;
    }
  }

  *[Symbol.iterator](): Generator<readonly [name: string, value: string]> {
    const found: (readonly [string, string])[] = [];
    this.each((name, nameLength, value, valueLength) => {
      found.push([this.text.slice(name, name + nameLength), this.text.slice(value, value + valueLength)]);
    });
    yield* found;
  }
}
