/** Random numbers that are the same for the same seed, so that a prediction can be repeated. */

/** Numbers from 0 to below 1: mulberry32, with 32 bits of state. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The time to the next arrival of a Poisson process. @param rate a second */
export function exponential(rate: number, random: () => number): number {
  return -Math.log(1 - random()) / rate;
}
