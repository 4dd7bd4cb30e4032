/** A pool's figures for observers: counters since the start, rates, peaks, processes. */

import type { PoolCounts, PoolProcesses } from '../figures/admin-snapshot.ts';
import type { RecentAnswer } from '../figures/answers.ts';
import type { PoolSample } from '../figures/history.ts';
import { type Fullness, nextFullness, notFull, saturation, statusLoad } from '../pool/saturation.ts';
import type { RouteTable } from '../scoreboard/routes.ts';
import type { StatusSnapshot } from '../status/status-snapshot.ts';
import type { Generation } from './generation.ts';
import { HistorySource } from './history-source.ts';
import type { PoolCounters } from './pool-counters.ts';
import { ProcessSampler } from './process-sampler.ts';
import { RecentRates } from './recent-rates.ts';

/** Maximum of seconds since the previous heartbeat that count. */
const longestGap = 2;

export class PoolMetrics {
  readonly #counters: PoolCounters;
  readonly #generations: () => readonly Generation[];
  readonly #now: () => number;
  readonly #recent: RecentRates;
  readonly #history = new HistorySource();
  readonly #processes = new ProcessSampler();
  #heartbeatAt: number;
  #fullness: Fullness = notFull;

  /**
   * @param generations those with a host
   * @param now monotonic milliseconds
   */
  constructor(counters: PoolCounters, generations: () => readonly Generation[], now: () => number) {
    this.#counters = counters;
    this.#generations = generations;
    this.#now = now;
    this.#heartbeatAt = now();
    this.#recent = new RecentRates(now(), this.counts());
  }

  /**
   * At every heartbeat, with the current status page.
   *
   * @param limit `pm.max_children`
   */
  heartbeat(
    status: Pick<StatusSnapshot, 'activeProcesses' | 'listenQueue' | 'processes'>,
    limit: number,
  ): void {
    const now = this.#now();
    this.#fullness = nextFullness(this.#fullness, saturation(statusLoad(status, limit)), now);
    // Over a longer gap (the master stood still) nothing is known.
    const seconds = Math.min((now - this.#heartbeatAt) / 1000, longestGap);
    this.#heartbeatAt = now;
    this.#counters.wasBusy(seconds * status.activeProcesses);
    this.#history.heartbeat(status.activeProcesses, status.listenQueue);
    this.#recent.note(this.#now(), () => this.counts());
  }

  /** Whether it has been full for so long that others should take new requests. */
  get isSaturated(): boolean {
    return this.#fullness.isSaturated;
  }

  /** Saturation of the last seconds. */
  get meanSaturation(): number {
    return this.#fullness.mean;
  }

  /** Counters since the master's start. */
  counts(): PoolCounts {
    return this.#counters.counts(this.#generations());
  }

  /** Number of times that its host was ended for a fault. */
  get faults(): number {
    return this.#counters.faults;
  }

  /** Requests by route since the master's start. */
  routes(): RouteTable {
    return this.#counters.routes(this.#generations());
  }

  /** @param totals current totals */
  recent(totals: PoolCounts): RecentAnswer {
    return this.#recent.rates(this.#now(), totals);
  }

  /** The current values for the history. */
  historySample(): Pick<PoolSample, 'busy' | 'busyMean' | 'queue' | 'counts'> {
    return this.#history.take(this.#counters.accepted(this.#generations()), () => this.counts());
  }

  /** Memory and CPU of the processes. */
  processes(): PoolProcesses {
    return this.#processes.sample(this.#now(), this.#generations());
  }
}
