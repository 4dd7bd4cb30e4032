/** The pools of a master: those that serve or will serve, and those that a reload removed and that only finish. */

import { AwakeSet } from '../generation/awake-set.ts';
import { contain } from '../generation/bulkhead.ts';
import type { MasterServices } from '../generation/master-services.ts';
import type { PoolReports } from '../generation/pool-reports.ts';
import { PoolRunner } from '../generation/pool-runner.ts';
import type { PoolWatcher } from '../generation/pool-watcher.ts';
import type { PreparedPool, ReloadScope } from '../generation/prepared-pool.ts';

import type { PoolEvent } from './master-types.ts';
import type { StatusSource } from './status-server.ts';

import type { ActivitySums } from './systemd.ts';

export class PoolSet {
  readonly #services: MasterServices;
  readonly #reportsOf: (runner: () => PoolRunner) => PoolReports;
  readonly #runners = new Map<string, PoolRunner>();
  /** Removed by a reload, until their last request ends. */
  readonly #retired = new Set<PoolRunner>();
  /** Pools whose outcome the start or the current reload waits for. */
  readonly #awaited = new Set<PoolRunner>();
  /** The start or the current reload has not reached some pools yet. */
  #isChanging = false;
  readonly #awake = new AwakeSet();
  readonly #watcher: PoolWatcher;

  /** @param reportsOf converts a pool's reports; the runner exists by the first one */
  constructor(
    services: MasterServices,
    reportsOf: (runner: () => PoolRunner) => PoolReports,
    watcher: PoolWatcher,
  ) {
    this.#services = services;
    this.#reportsOf = reportsOf;
    this.#watcher = watcher;
  }

  /** Pools that serve or will serve. */
  get runners(): readonly PoolRunner[] {
    return [...this.#runners.values()];
  }

  /** All pools that may have a host. */
  get all(): readonly PoolRunner[] {
    return [...this.#runners.values(), ...this.#retired];
  }

  /** Whether every pool of the start or the current reload has its outcome. */
  get isSettled(): boolean {
    return this.#awaited.size === 0 && !this.#isChanging;
  }

  /** Pools that may have a host, or wait for something. */
  get awake(): readonly PoolRunner[] {
    return this.#awake.pools;
  }

  /** An event of the pool: it is checked until it is at rest again. */
  rouse(runner: PoolRunner): void {
    this.#awake.rouse(runner);
    if (this.#runners.get(runner.name) === runner) this.#watcher.roused(runner);
  }

  get workerCount(): number {
    return this.awake.reduce((sum, runner) => sum + runner.workerCount, 0);
  }

  /**
   * Makes these pools the serving ones: new ones start, existing ones get a new generation (only changed ones, if the
   * scope says so), others finish. One pool a step: events in between meet each pool in its current state.
   *
   * @returns names of the pools left alone
   */
  *putInForce(
    pools: readonly PreparedPool[],
    scope: ReloadScope,
  ): Generator<undefined, readonly string[], undefined> {
    this.#isChanging = true;
    try {
      const names = new Set(pools.map((pool) => pool.config.name));
      for (const runner of this.runners) {
        if (names.has(runner.name)) continue;
        this.#retire(runner);
        yield;
      }
      const unchanged: string[] = [];
      for (const pool of pools) {
        if (!this.#replace(pool, scope)) unchanged.push(pool.config.name);
        yield;
      }
      return unchanged;
    } finally {
      this.#isChanging = false;
    }
  }

  /** @returns whether the pool starts, or gets a new generation */
  #replace(pool: PreparedPool, scope: ReloadScope): boolean {
    const known = this.#runners.get(pool.config.name);
    if (scope === 'changed' && known?.serves(pool) === true) return false;
    const runner = known ?? this.#make(pool);
    this.#runners.set(runner.name, runner);
    this.#awaited.add(runner);
    this.rouse(runner);
    if (known === undefined) contain(runner, 'starting it', () => runner.start());
    else contain(runner, 'reloading it', () => runner.reload(pool));
    return true;
  }

  /** An event of a pool: an error is the pool's incident. */
  handle(event: PoolEvent): void {
    const { runner } = event;
    this.rouse(runner);
    switch (event.type) {
      case 'host': {
        const { generation } = event;
        const handle = (): void => runner.onHostEvent(generation, event.event);
        contain(runner, `handling "${event.event.type}" of its host`, handle, generation);
        return;
      }
      case 'later':
        contain(runner, event.doing, event.act, event.generation);
        return;
      case 'wake':
        contain(runner, 'waking it', () => runner.wake());
        return;
      default:
        throw new Error(`no handler for the event ${JSON.stringify(event satisfies never)}`);
    }
  }

  /** Once a second, even while the master stops: whether hosts answer and obey. */
  watchHosts(): void {
    for (const runner of this.awake) contain(runner, 'watching its hosts', () => runner.watchHosts());
  }

  /** Once a second: numbers of workers. */
  heartbeat(): void {
    for (const runner of this.awake) contain(runner, 'counting its workers', () => runner.heartbeat());
    this.#awake.letRest();
  }

  checkDeadlines(): void {
    for (const runner of this.awake) contain(runner, 'checking deadlines', () => runner.checkDeadlines());
  }

  /** Gives up new generations that do not serve alone yet. */
  abortReload(by: string): void {
    for (const runner of this.all) contain(runner, 'aborting its reload', () => runner.abortReload(by));
  }

  /** The pool serves, sleeps or was given up. @returns whether the start or current reload waited for it */
  settle(runner: PoolRunner): boolean {
    // Thousands may fall asleep at once: the next heartbeat need not find out.
    if (runner.isAtRest) this.#awake.remove(runner);
    return this.#awaited.delete(runner);
  }

  /** No host of the pool is left. */
  remove(runner: PoolRunner): void {
    if (this.#runners.get(runner.name) === runner) {
      this.#runners.delete(runner.name);
      this.#watcher.removed(runner);
    }
    this.#retired.delete(runner);
    this.#awaited.delete(runner);
    this.#awake.remove(runner);
  }

  /** Status page data of the pool with that name. */
  readonly source: StatusSource = (name) => {
    const runner = this.#runners.get(name);
    if (runner === undefined) return undefined;
    const firstHeaders = contain(runner, 'showing its status page', () => runner.firstHeaders) ?? [];
    const page = (query: string) =>
      contain(runner, 'showing its status page', () => runner.statusPage(query));
    return { firstHeaders, page };
  };

  /** Ends a pool. One that cannot end in order is ended at once: the master's end waits for it. */
  end(runner: PoolRunner, doing: string, end: () => void): void {
    const act = (): true => {
      end();
      return true;
    };
    if (contain(runner, doing, act) !== true) contain(runner, doing, () => runner.terminate());
  }

  /** Another master takes over all of them. */
  letGo(): void {
    for (const runner of this.all) contain(runner, 'letting its host go', () => runner.letGo());
    this.#runners.clear();
    this.#retired.clear();
  }

  /** Place of a worker. */
  findWorker(pool: string, pid: number): ReturnType<PoolRunner['findWorker']> {
    return this.all
      .filter(({ name }) => name === pool)
      .map((runner) => runner.findWorker(pid))
      .find((found) => found !== undefined);
  }

  /** Activity of all pools together. */
  sums(): ActivitySums {
    const sums = { active: 0, idle: 0, requests: 0, slow: 0 };
    for (const runner of this.awake) {
      if (this.#retired.has(runner)) continue;
      const { serving } = runner;
      if (serving === undefined) continue;
      const read = contain(runner, 'counting its requests', () => serving.reader.read());
      if (read === undefined) continue;
      const idle = read.slots.filter(({ stage }) => stage === 'idle').length;
      sums.idle += idle;
      sums.active += read.slots.length - idle;
      sums.requests += read.header.acceptedRequests;
      sums.slow += serving.slowRequests;
    }
    return sums;
  }

  #make(pool: PreparedPool): PoolRunner {
    const reports = this.#reportsOf(() => runner);
    const runner: PoolRunner = new PoolRunner(pool, this.#services, reports);
    return runner;
  }

  #retire(runner: PoolRunner): void {
    this.#runners.delete(runner.name);
    this.#awaited.delete(runner);
    this.#retired.add(runner);
    this.#watcher.removed(runner);
    // It is gone with its last host, and is checked until then.
    this.rouse(runner);
    this.end(runner, 'removing it', () => runner.finish());
  }
}
