/** Exports of every file in bench/workloads/. */
import type { Figure } from './figure.ts';

/** How much is to be measured. */
export interface Plan {
  /** How often each measurement is repeated on each server. */
  readonly rounds: number;
  /** How often both servers are started anew for them, in workloads that say so. */
  readonly restarts: number;
  /** Length of one measurement of a rate, in seconds. */
  readonly seconds: number;
}

export interface Workload {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  /** Why it cannot run on this machine; undefined when it can. */
  readonly obstacle?: () => string | undefined;
  readonly measure: (plan: Plan) => Promise<Figure[]>;
}

/** At most so many rounds: for measurements that take seconds. */
export function atMost(rounds: number, plan: Plan): number {
  return Math.min(rounds, plan.rounds);
}
