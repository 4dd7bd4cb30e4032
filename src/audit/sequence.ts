/** The order of requests to a warm worker. */

/**
 * One pass: A, B, A for each request A and the one behind it, so that each request comes behind another one; a single
 * request comes three times.
 *
 * @param count number of requests
 * @param more how often A comes again at once, where its growth is measured
 * @param last requests that end the application: they come behind all others, once, so that these are not started anew
 */
export function onePass(count: number, more: number, last: ReadonlySet<number> = new Set()): number[] {
  const lasting = Array.from({ length: count }, (_, index) => index).filter((index) => !last.has(index));
  const pass = lasting.flatMap((first, place) => {
    const second = lasting[(place + 1) % lasting.length] ?? first;
    return [first, second, first, ...Array<number>(more).fill(first)];
  });
  return [...pass, ...last];
}
