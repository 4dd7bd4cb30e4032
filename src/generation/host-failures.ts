/** A pool's host cannot start, or died: the log says so, and another one starts later, and later still. */

import { initialWorkers } from '../pool/hand-over.ts';
import { usefulHostMillis } from '../pool/respawn.ts';
import type { Generation } from './generation.ts';
import { HostRestart } from './host-restart.ts';
import type { MasterServices } from './master-services.ts';
import type { PoolHosts } from './pool-hosts.ts';
import type { PoolReports } from './pool-reports.ts';
import type { PreparedPool } from './prepared-pool.ts';

export interface FailureParts {
  readonly hosts: PoolHosts;
  readonly services: MasterServices;
  readonly reports: PoolReports;
  /** Starts a host. @param wanted number of workers that must be up before it takes over */
  readonly launch: (pool: PreparedPool, wanted: number) => void;
}

export class HostFailures {
  readonly #parts: FailureParts;
  /** When the pool gets its next host. */
  readonly restart = new HostRestart();
  #failure: string | undefined;

  constructor(parts: FailureParts) {
    this.#parts = parts;
  }

  /** Why no host serves the pool and when that changes, in the log's words; undefined before the first failure. */
  get current(): string | undefined {
    const { serving } = this.#parts.hosts;
    if (serving?.watch.isLate) return `the engine host ${serving.host.pid} does not answer`;
    return serving === undefined ? this.#failure : undefined;
  }

  /** The pool sleeps: it has no host, and none has failed. */
  forget(): void {
    this.#failure = undefined;
  }

  /** The serving host is lost. */
  lost(generation: Generation, reason: string): void {
    const { now } = this.#parts.services;
    const served = generation.servingSince === undefined ? 0 : now() - generation.servingSince;
    const when = this.#restartLater(served >= usefulHostMillis);
    this.#note(`${reason}${when === '' ? '' : `; starting a new one ${when}`}`);
  }

  /**
   * A host did not come up. A failed reload changes nothing; a pool without any host tries again, later and later, with
   * the configuration that the operator wants now.
   */
  gaveUp(reason: string): void {
    const { hosts, services, reports, launch } = this.#parts;
    const { adopting } = hosts;
    hosts.adopting = undefined;
    if (adopting !== undefined && !hosts.isStopped) {
      services.log.warning(
        `[pool ${adopting.config.name}] its host of the last master cannot be adopted, another one starts: ${reason}`,
      );
      return launch(adopting, initialWorkers(adopting.config));
    }
    const retry = hosts.serving === undefined && !hosts.isStopped;
    if (retry) hosts.pool = hosts.nextPool ?? hosts.pool;
    hosts.nextPool = undefined;
    const when = retry ? this.#restartLater(false) : '';
    this.#note(`cannot start: ${reason}${when === '' ? '' : `; trying again ${when}`}`);
    reports.outcome({ type: 'gaveUp', reason });
  }

  #note(text: string): void {
    const { hosts, services } = this.#parts;
    this.#failure = text;
    services.log.error(`[pool ${hosts.pool.config.name}] ${text}`);
  }

  /** @returns the time in words for the log; empty without a restart, or if a host is already starting */
  #restartLater(wasUseful: boolean): string {
    const { hosts, services } = this.#parts;
    if (hosts.isStopped || !services.isNormal() || hosts.next !== undefined) return '';
    const { at, when } = this.restart.plan(services.now(), wasUseful);
    services.wakeAt(at);
    return when;
  }
}
