/**
 * Number of workers for a load. Pure formulas.
 *
 * Little's law: busy workers = arrivals x service time, whatever the distributions (J. D. C. Little, 1961). Around that
 * mean the demand varies by its square root, so the safety margin grows with the root instead of the load (square-root
 * staffing; Halfin and Whitt, 1981). In simulations with log-normal service times b = 1.5 keeps the probability of
 * waiting at 6 to 10 % for loads from 2 to 50 workers, b = 2 at 3 %. A fixed share of busy workers (70 %) is too tight
 * for small pools and wasteful for large ones.
 */

/** Safety margin in standard deviations. */
export const defaultSafety = 1.5;

/** Average of busy workers. @param arrivals a second @param service seconds */
export function offeredLoad(arrivals: number, service: number): number {
  return arrivals * service;
}

/** Workers that serve a load with little waiting; at least one. */
export function workersFor(load: number, safety = defaultSafety): number {
  return Math.max(1, Math.ceil(load + safety * Math.sqrt(load)));
}

/**
 * Erlang's B: the share of a load that finds no free worker and would be lost without a queue. Defined for any load,
 * also above the number of workers, with diminishing returns: each further worker takes less.
 */
export function blockedShare(load: number, workers: number): number {
  if (load <= 0) return 0;
  let blocked = 1;
  for (let count = 1; count <= workers; count += 1) blocked = (load * blocked) / (count + load * blocked);
  return blocked;
}

/** The value of one more worker: the busy workers that it adds. */
export function gainOfOneMore(load: number, workers: number): number {
  return load * (blockedShare(load, workers) - blockedShare(load, workers + 1));
}

/** Erlang's C: the probability that an arrival waits; 1 if the load is at least the number of workers. */
export function waitingProbability(load: number, workers: number): number {
  if (load >= workers) return 1;
  const blocked = blockedShare(load, workers);
  return (workers * blocked) / (workers - load * (1 - blocked));
}
