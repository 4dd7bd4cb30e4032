/** Chance that can be repeated: the same seed makes the same choices. */

/** Seed and number of rounds of a fuzzing test: fixed, or HATHI_FUZZ=SEED:ROUNDS for a long run of one's own. */
export function fuzzing(rounds: number): { readonly seed: number; readonly rounds: number } {
  const [seed = '', count = ''] = (process.env['HATHI_FUZZ'] ?? '').split(':');
  return { seed: Number(seed) || 20_261_125, rounds: Number(count) || rounds };
}

/** A source of choices (mulberry32). */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** A number from 0 up to 1. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 up to, but without, `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** True in one of `of` cases. */
  once(of: number): boolean {
    return this.below(of) === 0;
  }

  /** One of them. */
  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('there is nothing to pick from');
    return from[this.below(from.length)] as T;
  }

  /** Up to `most` of them, in an order of chance. */
  some<T>(from: readonly T[], most: number): T[] {
    const rest = [...from];
    const count = Math.min(this.below(most + 1), rest.length);
    return Array.from({ length: count }, () => rest.splice(this.below(rest.length), 1)[0] as T);
  }
}
