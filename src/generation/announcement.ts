/** When the master is told that a new generation serves: the start of the pool, or its reload, is over then. */

import { fullStartPatienceMs, isFullyUp, stopAcceptingMs } from '../pool/hand-over.ts';
import type { Generation } from './generation.ts';
import type { MasterServices } from './master-services.ts';
import type { PoolReports } from './pool-reports.ts';

export class Announcement {
  readonly #services: Pick<MasterServices, 'now' | 'wakeAt'>;
  readonly #reports: PoolReports;
  /** `old` may still accept; without it the first workers come up. */
  #pending:
    | { readonly generation: Generation; readonly old: Generation | undefined; readonly until: number }
    | undefined;

  constructor(services: Pick<MasterServices, 'now' | 'wakeAt'>, reports: PoolReports) {
    this.#services = services;
    this.#reports = reports;
  }

  /** The generation took over. @param old its predecessor, which still accepts */
  begin(generation: Generation, old: Generation | undefined): void {
    const until =
      old === undefined
        ? generation.launchedAt + fullStartPatienceMs
        : this.#services.now() + stopAcceptingMs;
    this.#pending = { generation, old, until };
    if (old === undefined) this.whenUp(generation);
    if (this.#pending !== undefined) this.#services.wakeAt(until);
  }

  /** At the pool's start: one more worker may be up. */
  whenUp(generation: Generation): void {
    const isStart = this.#pending?.generation === generation && this.#pending.old === undefined;
    if (isStart && isFullyUp(generation.startProgress(this.#services.now()))) this.#announce();
  }

  /** New connections now go to the new generation: the reload is done. */
  acceptsNoMore(old: Generation): void {
    if (this.#pending?.old === old) this.#announce();
  }

  /** One of the two has ended: there is nothing more to wait for. */
  gone(generation: Generation): void {
    if (generation === this.#pending?.old || generation === this.#pending?.generation) this.#announce();
  }

  /**
   * After the time limit connections no longer reach the old generation, whatever it says; or the first workers are
   * late.
   */
  whenDue(now: number): void {
    if (this.#pending !== undefined && now >= this.#pending.until) this.#announce();
  }

  #announce(): void {
    const generation = this.#pending?.generation;
    this.#pending = undefined;
    if (generation !== undefined) this.#reports.outcome({ type: 'serving', generation });
  }
}
