/** Whether one pool sleeps, and since when its host has had no worker. */

import type { PoolConfig } from '../config/directives.ts';
import { isSleepDue } from '../pool/sleep.ts';
import type { Listener } from '../sockets/listener.ts';
import type { Generation } from './generation.ts';
import type { MasterServices } from './master-services.ts';
import type { PreparedPool } from './prepared-pool.ts';

export class Sleep {
  readonly #services: Pick<MasterServices, 'sleepers' | 'survival' | 'now'>;
  /** Its connections wake the pool. */
  #listener: Listener | undefined;
  /** Since when the serving host has had no worker. */
  #empty: { readonly generation: Generation; readonly since: number } | undefined;
  /** Wall clock, milliseconds: start of its sleep. */
  #since = 0;

  constructor(services: Pick<MasterServices, 'sleepers' | 'survival' | 'now'>) {
    this.#services = services;
  }

  get isAsleep(): boolean {
    return this.#listener !== undefined;
  }

  get since(): number {
    return this.#since;
  }

  /** @throws PosixError for a socket that cannot be watched */
  begin(pool: PreparedPool, wake: () => void): void {
    const { listener } = pool;
    this.end();
    this.#services.sleepers.add(listener, wake);
    this.#services.survival?.keepSocket(pool);
    this.#listener = listener;
    this.#since = Date.now();
  }

  end(): void {
    if (this.#listener !== undefined) this.#services.sleepers.remove(this.#listener);
    this.#listener = undefined;
    this.#empty = undefined;
  }

  /** Called at every heartbeat of the serving host. */
  isDue(generation: Generation, config: PoolConfig): boolean {
    const now = this.#services.now();
    const workers = generation.workers.size;
    if (workers > 0 || this.#empty?.generation !== generation) {
      this.#empty = workers > 0 ? undefined : { generation, since: now };
    }
    return this.#empty !== undefined && isSleepDue(config, workers, this.#empty.since, now);
  }
}
