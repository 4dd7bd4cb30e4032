/**
 * The hosts of a pool over time: each part handles its own stage of a host's life. A new generation that fails to start
 * is discarded and the old one never notices.
 */

import type { PoolVoice } from '../log/pool-voice.ts';
import { startTimeoutMs } from '../pool/hand-over.ts';
import { Adoption } from './adoption.ts';
import { Announcement } from './announcement.ts';
import { ApplicationRenewal } from './application-renewal.ts';
import type { Contained } from './bulkhead.ts';
import type { Generation } from './generation.ts';
import { HostEndings } from './host-endings.ts';
import { HostFailures } from './host-failures.ts';
import { HostStart } from './host-start.ts';
import type { MasterServices } from './master-services.ts';
import type { PoolCounters } from './pool-counters.ts';
import { PoolHosts } from './pool-hosts.ts';
import type { PoolReports } from './pool-reports.ts';
import type { PreparedPool } from './prepared-pool.ts';
import { TakeOver } from './take-over.ts';
import { Trial } from './trial.ts';
import type { WorkerSupervisor } from './worker-supervisor.ts';

export interface SuccessionParts {
  readonly services: MasterServices;
  readonly reports: PoolReports;
  readonly supervisor: WorkerSupervisor;
  readonly counters: PoolCounters;
  readonly voice: PoolVoice;
  /** The pool responsible for errors. */
  readonly wall: Contained;
}

export class HostSuccession {
  readonly hosts: PoolHosts;
  readonly failures: HostFailures;
  readonly start: HostStart;
  readonly adoption: Adoption;
  readonly renewal: ApplicationRenewal;
  readonly announcement: Announcement;
  readonly takeOver: TakeOver;
  readonly endings: HostEndings;
  readonly #supervisor: WorkerSupervisor;
  readonly #voice: PoolVoice;

  constructor(pool: PreparedPool, parts: SuccessionParts) {
    const { services, reports, supervisor, counters, voice, wall } = parts;
    this.#supervisor = supervisor;
    this.#voice = voice;
    const trial = new Trial({
      services,
      reports,
      onPassed: (generation) => this.takeOver.whenUp(generation),
      onFailed: (generation, reason) => this.endings.giveUp(generation, reason),
      onAccepting: (generation) => this.takeOver.startTrial(generation),
    });
    const hosts = new PoolHosts(pool, services, trial);
    this.hosts = hosts;
    this.failures = new HostFailures({
      hosts,
      services,
      reports,
      launch: (wanted, workers) => this.start.launch(wanted, workers),
    });
    const startParts = { hosts, services, reports, supervisor, voice, failures: this.failures };
    this.start = new HostStart(startParts);
    this.adoption = new Adoption(startParts, this.start);
    this.renewal = new ApplicationRenewal(startParts, this.start);
    this.announcement = new Announcement(services, reports);
    const { start, adoption, renewal, announcement } = this;
    this.takeOver = new TakeOver({ ...startParts, counters, start, adoption, renewal, announcement });
    this.endings = new HostEndings({
      ...startParts,
      counters,
      wall,
      announcement,
      takeOver: this.takeOver,
    });
  }

  /** Sleeps with that configuration: it has no host, and none has failed. */
  rest(pool: PreparedPool): void {
    this.hosts.pool = pool;
    this.failures.forget();
  }

  /** An operator gives up what is being started or on trial beside the serving generation. */
  abortNext(by: string): void {
    const { next, serving } = this.hosts;
    if (next !== undefined && serving !== undefined) this.endings.giveUp(next, `aborted by ${by}`);
  }

  /** Once a second. */
  trialHeartbeat(): void {
    const { next, trial } = this.hosts;
    if (next !== undefined && trial.isCanary(next)) this.#supervisor.staffing.heartbeatOnTrial(next);
  }

  /** Whether its host starts, drains and ends in time. */
  check(generation: Generation, now: number): void {
    const { next, trial, departures } = this.hosts;
    const longest = startTimeoutMs(generation.pool);
    if (generation === next && trial.isOn(generation)) return trial.check(now);
    if (generation === next && now - generation.progressAt >= longest) {
      const text = `the engine host ${generation.host.pid} makes no progress for ${longest / 1000} seconds`;
      return this.endings.giveUp(generation, text);
    }
    departures.check(generation, now);
  }

  /**
   * Worker mode: the application of one of its workers fails to boot. If another generation serves, that one continues;
   * a serving generation starts its next worker later and later.
   */
  bootFailed(generation: Generation, reason: string): void {
    if (generation === this.hosts.next) return this.endings.giveUp(generation, reason);
    if (generation !== this.hosts.serving) return;
    this.#voice.message('error', reason);
  }
}
