/** A seed that no earlier run had. A test that takes it prints it. */
export function freshSeed(): number {
  return Date.now() % 0x7fffffff;
}

/** Seeded random numbers (mulberry32), so that a failing run can be repeated. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** @returns an integer from 0 to below `limit`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }

  /** Cuts the bytes into pieces of 1 to `most` bytes. */
  *cut(bytes: Uint8Array, most: number): Generator<Uint8Array> {
    for (let offset = 0; offset < bytes.length; ) {
      const size = 1 + this.below(most);
      yield bytes.subarray(offset, offset + size);
      offset += size;
    }
  }
}
