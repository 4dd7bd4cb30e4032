/** The start of a pool's next host, up to the time when it accepts. */

import type { PoolVoice } from '../log/pool-voice.ts';
import { startTimeoutMs, workersForRestart } from '../pool/hand-over.ts';
import type { EarlierFigures } from './earlier-figures.ts';
import type { Generation } from './generation.ts';
import type { HostFailures } from './host-failures.ts';
import { launchGeneration } from './launch.ts';
import type { MasterServices } from './master-services.ts';
import type { PoolHosts } from './pool-hosts.ts';
import type { PoolReports } from './pool-reports.ts';
import type { PreparedPool } from './prepared-pool.ts';
import { answerStatusQuestion } from './status-page.ts';
import type { WorkerSupervisor } from './worker-supervisor.ts';

export interface StartParts {
  readonly hosts: PoolHosts;
  readonly services: MasterServices;
  readonly reports: PoolReports;
  readonly supervisor: WorkerSupervisor;
  readonly voice: PoolVoice;
  readonly failures: HostFailures;
}

export class HostStart {
  readonly #parts: StartParts;

  constructor(parts: StartParts) {
    this.#parts = parts;
  }

  /**
   * Starts a host beside the serving one, if there is one.
   *
   * @param wanted number of workers that must be up before it takes over
   * @param earlier figures that it goes on from
   */
  launch(pool: PreparedPool, wanted: number, earlier?: EarlierFigures): void {
    const { hosts, services, reports, voice, failures } = this.#parts;
    hosts.nextPool = pool;
    // A reload replaces the pending restart of a dead host: otherwise there would be two hosts.
    failures.restart.cancel();
    try {
      const besideOthers = hosts.serving !== undefined;
      const conditions = { wantedAtTakeOver: wanted, besideOthers, voice, earlier };
      const next = launchGeneration(pool, conditions, services, (generation, event) =>
        reports.hostEvent(generation, event),
      );
      hosts.next = next;
      this.openStatusDesk(next);
      next.acceptsAhead = wanted === 0 && hosts.serving === undefined;
      if (next.acceptsAhead) this.letAccept(next);
      if (next.host.pid !== 0) this.made(next);
      services.wakeAt(next.progressAt + startTimeoutMs(pool.config));
    } catch (error) {
      failures.gaveUp(`cannot start the engine host: ${(error as Error).message}`);
    }
  }

  /** Starts the pending host when its time has come. */
  whenDue(now: number): void {
    const { hosts, failures } = this.#parts;
    if (failures.restart.isDue(now)) this.launch(hosts.pool, workersForRestart(hosts.pool.config));
  }

  /**
   * Its process exists by now. The first host of a pool holds the pool's socket if the master dies now. A native one then
   * begins to accept; an embedded one would take too long to start, and ends.
   */
  made(generation: Generation): void {
    const { hosts, services } = this.#parts;
    if (generation !== hosts.next || hosts.serving !== undefined) return;
    if (generation.engine === 'native' || generation.acceptsAhead) this.cover(generation, false);
    else services.survival?.keepSocket(hosts.nextPool ?? hosts.pool);
  }

  /** If the master dies, this host serves on. */
  cover(generation: Generation, isOnTrial: boolean): void {
    const { hosts, services } = this.#parts;
    services.survival?.cover(generation, hosts.nextPool ?? hosts.pool, isOnTrial);
  }

  /**
   * One that accepts, and must not outlive the master, would take its requests along: that order comes first. Where
   * nothing has to be up before it takes over, they wait in its channel before it exists: the client that woke the pool
   * need not wait for the master again.
   */
  letAccept(generation: Generation, { isOnTrial = false } = {}): void {
    this.cover(generation, isOnTrial);
    generation.host.accept();
    this.#parts.supervisor.staffing.watch(generation);
  }

  /** Its host may ask for the pool's status page. */
  openStatusDesk(generation: Generation): void {
    const { hosts, services, reports } = this.#parts;
    generation.openStatusDesk(
      (act) => setImmediate(() => reports.enqueue(generation, 'answering its host', act)),
      (question) => answerStatusQuestion(generation, hosts.pool.listener, question, services.log),
    );
  }

  /** A pool of many workers may take its time as long as workers keep coming up. */
  progress(generation: Generation): void {
    const { hosts, services } = this.#parts;
    generation.progressAt = services.now();
    if (generation === hosts.next) services.wakeAt(generation.progressAt + startTimeoutMs(generation.pool));
  }
}
