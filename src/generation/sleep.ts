/** The sleep of one pool: it has no host, and starts one for the first connection. */

import type { PoolConfig } from '../config/directives.ts';
import { initialWorkers } from '../pool/hand-over.ts';
import { isSleepDue } from '../pool/sleep.ts';
import type { Listener } from '../sockets/listener.ts';
import type { EarlierFigures } from './earlier-figures.ts';
import type { Generation } from './generation.ts';
import type { HostSuccession } from './host-succession.ts';
import type { MasterServices } from './master-services.ts';
import { reasonOf } from './pool-notices.ts';
import type { PoolReports } from './pool-reports.ts';
import type { PreparedPool } from './prepared-pool.ts';

export class Sleep {
  readonly #services: MasterServices;
  readonly #reports: PoolReports;
  readonly #succession: HostSuccession;
  /** Its connections wake the pool. */
  #listener: Listener | undefined;
  /** Since when the serving host has had no worker. */
  #empty: { readonly generation: Generation; readonly since: number } | undefined;
  /** Wall clock, milliseconds: start of its sleep. */
  #since = 0;
  /** Figures that the status page continues when the pool wakes. */
  #earlier: EarlierFigures | undefined;

  constructor(services: MasterServices, reports: PoolReports, succession: HostSuccession) {
    this.#services = services;
    this.#reports = reports;
    this.#succession = succession;
  }

  get isAsleep(): boolean {
    return this.#listener !== undefined;
  }

  get since(): number {
    return this.#since;
  }

  get earlier(): EarlierFigures | undefined {
    return this.#earlier;
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

  /** The serving host goes, as {@link isDue} says. */
  begin(): void {
    const { hosts, endings } = this.#succession;
    const { config } = hosts.pool;
    this.#services.log.debug(`[pool ${config.name}] nothing to do: its host goes until a connection comes`);
    const earlier = hosts.serving?.figures();
    if (!this.#watch(hosts.pool)) return;
    this.#earlier = earlier;
    endings.retire();
  }

  /**
   * The pool has no host. Nothing runs before the first connection, but the start of its PHP is tested in advance.
   *
   * @param earlier figures of the last master
   */
  beginWithout(pool: PreparedPool, earlier?: EarlierFigures): void {
    const { hosts, failures, start } = this.#succession;
    this.#earlier = earlier;
    this.#succession.rest(pool);
    if (!this.#watch(pool)) return start.launch(pool, initialWorkers(pool.config));
    const done = (failure: string | undefined): void => {
      if (!this.isAsleep || hosts.pool !== pool) return;
      if (failure === undefined) return this.#reports.outcome({ type: 'asleep' });
      this.end();
      failures.gaveUp(failure);
    };
    this.#services.prepareStart(pool, (failure) =>
      this.#reports.enqueue(undefined, 'preparing its start', () => done(failure)),
    );
  }

  /** A connection waits. */
  wake(): void {
    if (!this.isAsleep || !this.#services.isNormal()) return;
    this.end();
    const { hosts, start } = this.#succession;
    this.#services.log.debug(`[pool ${hosts.pool.config.name}] a connection wakes it`);
    start.launch(hosts.pool, 0, this.#earlier);
  }

  end(): void {
    if (this.#listener !== undefined) this.#services.sleepers.remove(this.#listener);
    this.#listener = undefined;
    this.#empty = undefined;
  }

  /** @returns false if nobody would notice a connection: then the pool stays awake */
  #watch(pool: PreparedPool): boolean {
    this.end();
    try {
      this.#services.sleepers.add(pool.listener, () => this.#reports.wake());
    } catch (error) {
      this.#services.log.warning(
        `[pool ${pool.config.name}] it stays awake, because its socket cannot be watched: ${reasonOf(error)}`,
      );
      return false;
    }
    this.#services.survival?.keepSocket(pool);
    this.#listener = pool.listener;
    this.#since = Date.now();
    return true;
  }
}
