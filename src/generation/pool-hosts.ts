/** The generations of a pool by their role: the serving one, the one being started, those that depart. */

import { Departures } from './departures.ts';
import type { Generation } from './generation.ts';
import type { MasterServices } from './master-services.ts';
import { Orphans } from './orphans.ts';
import type { PreparedPool } from './prepared-pool.ts';
import type { Trial } from './trial.ts';

export class PoolHosts {
  readonly departures: Departures;
  readonly orphans: Orphans;
  readonly trial: Trial;
  /** In effect: that of the serving host, or of the next one without a serving host. */
  pool: PreparedPool;
  /** The configuration of the next generation, which takes effect with it. */
  nextPool: PreparedPool | undefined;
  /** The pool's configuration while a host of the last master is being adopted. */
  adopting: PreparedPool | undefined;
  serving: Generation | undefined;
  /** The generation being started. */
  next: Generation | undefined;
  /** No host is started any more. */
  isStopped = false;
  /** Hosts that have nothing more to say, and end. */
  readonly leaving = new Set<Generation>();

  constructor(pool: PreparedPool, services: MasterServices, trial: Trial) {
    this.pool = pool;
    this.departures = new Departures(services);
    this.orphans = new Orphans(services);
    this.trial = trial;
  }

  /** Every generation with a host process. */
  generations(): Generation[] {
    return [this.serving, this.next, ...this.departures.generations].filter(
      (generation) => generation !== undefined,
    );
  }

  /** Generations that a reload replaced and that still have a host process. */
  draining(): Generation[] {
    return [...this.departures.generations];
  }

  /** Whether connections come to its workers: it serves, or is on trial beside the serving one. */
  accepts(generation: Generation): boolean {
    return generation === this.serving || this.trial.isCanary(generation);
  }

  /** No process of the pool is left. */
  get isGone(): boolean {
    const { serving, next, departures, orphans } = this;
    return serving === undefined && next === undefined && departures.generations.size + orphans.size === 0;
  }

  /** It has no role any more. */
  release(generation: Generation): void {
    if (generation === this.serving) this.serving = undefined;
    if (generation !== this.next) return;
    this.next = undefined;
    this.trial.end();
  }
}
