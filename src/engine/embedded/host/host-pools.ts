/** The pools of a host: in worker mode one with the application, and one for other scripts. The master knows slots. */

import type { EndMode } from '../../contract.ts';
import type { HostPool } from './host-pool.ts';

export class HostPools {
  /** Serves all requests, in worker mode those for the application. */
  readonly main: HostPool;
  readonly #aside: HostPool | undefined;
  readonly #isAside: (slot: number) => boolean;

  constructor(main: HostPool, aside?: HostPool, isAside: (slot: number) => boolean = () => false) {
    this.main = main;
    this.#aside = aside;
    this.#isAside = isAside;
  }

  get #all(): readonly HostPool[] {
    return this.#aside === undefined ? [this.main] : [this.main, this.#aside];
  }

  #of(slot: number): HostPool {
    return this.#aside !== undefined && this.#isAside(slot) ? this.#aside : this.main;
  }

  /** The master wants a worker in this slot. */
  openWorker(slot: number): void {
    this.#of(slot).openWorker(slot);
  }

  /** The master wants the worker of this slot to end. */
  endWorker(slot: number, mode: EndMode): void {
    this.#of(slot).endWorker(slot, mode);
  }

  /** Workers that the master has asked for. */
  workers(): ReturnType<HostPool['workers']> {
    return this.#all.flatMap((pool) => pool.workers());
  }

  /** There is no master, or there is one again. */
  orphaned(isOrphan: boolean): void {
    for (const pool of this.#all) pool.orphaned(isOrphan);
  }

  /** From now on the master may send no more workers for waiting requests. */
  prepareDrain(): void {
    for (const pool of this.#all) pool.prepareDrain();
  }

  /** Asks every worker to leave; called when no request is left. */
  retireAll(): void {
    for (const pool of this.#all) pool.retireAll();
  }
}
