/** Worker mode: the application boots anew beside the serving workers, because its host asks for it or a file changed. */

import { workersForTakeOver } from '../pool/hand-over.ts';
import { ApplicationFiles } from './application-files.ts';
import type { Generation } from './generation.ts';
import type { HostStart, StartParts } from './host-start.ts';

export class ApplicationRenewal {
  readonly #parts: StartParts;
  readonly #start: HostStart;
  /** Last boot of applications without a reload, monotonic ms. */
  #renewedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: StartParts, start: HostStart) {
    this.#parts = parts;
    this.#start = start;
  }

  /**
   * Boots applications again beside the serving ones, which continue until then. No-op while a host is being started,
   * and during the pause after the last time.
   *
   * @param pause ms
   */
  renew(generation: Generation, reason: string, pause = 0): void {
    const { hosts, services, supervisor } = this.#parts;
    const now = services.now();
    const isFree = generation === hosts.serving && hosts.next === undefined;
    if (!isFree || hosts.isStopped || !services.isNormal() || now < this.#renewedAt + pause) return;
    this.#renewedAt = now;
    const { name } = hosts.pool.config;
    services.log.notice(`[pool ${name}] the application boots anew: ${reason}`);
    const busy = supervisor.staffing.activeWorkers(generation);
    this.#start.launch(hosts.pool, workersForTakeOver(hosts.pool.config, busy));
  }

  /** For development. */
  followFiles(generation: Generation): void {
    const { services, reports } = this.#parts;
    const { pool } = generation;
    if (pool['worker.script'] === undefined || pool['worker.watch'].length === 0) return;
    generation.files = new ApplicationFiles(
      pool['worker.watch'],
      (file) =>
        reports.enqueue(generation, 'following its files', () =>
          this.renew(generation, `${JSON.stringify(file)} has changed`),
        ),
      (message) => services.log.warning(`[pool ${pool.name}] ${message}`),
    );
  }
}
