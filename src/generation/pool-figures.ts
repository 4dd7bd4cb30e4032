/** What a pool has done and takes, for those who look at it: counts since the start, rates, peaks, processes. */

import type { RecentFigures } from '../figures/answers.ts';
import type { PoolSample } from '../figures/history.ts';
import type { PoolProcesses, PoolTotals } from '../figures/snapshot.ts';
import { nextFullness, notFull, saturation, statusLoad } from '../pool/saturation.ts';
import type { RouteTable } from '../scoreboard/routes.ts';
import type { StatusSnapshot } from '../status/snapshot.ts';
import type { Generation } from './generation.ts';
import { HistorySource } from './history-source.ts';
import type { PoolCounters } from './pool-counters.ts';
import { ProcessSampler } from './process-sampler.ts';
import { RecentTotals } from './recent-totals.ts';

/** Seconds that a beat counts at most. */
const longestBeat = 2;

export class PoolFigures {
  readonly #counters: PoolCounters;
  readonly #generations: () => readonly Generation[];
  readonly #now: () => number;
  readonly #recent: RecentTotals;
  readonly #history = new HistorySource();
  readonly #processes = new ProcessSampler();
  #beatAt: number;
  #fullness = notFull;

  /**
   * @param generations those that have a host
   * @param now monotonic milliseconds
   */
  constructor(counters: PoolCounters, generations: () => readonly Generation[], now: () => number) {
    this.#counters = counters;
    this.#generations = generations;
    this.#now = now;
    this.#beatAt = now();
    this.#recent = new RecentTotals(now(), this.totals());
  }

  /**
   * At every heartbeat, with what the status page says then.
   *
   * @param limit `pm.max_children`
   */
  beat(status: Pick<StatusSnapshot, 'activeProcesses' | 'listenQueue' | 'processes'>, limit: number): void {
    const now = this.#now();
    this.#fullness = nextFullness(this.#fullness, saturation(statusLoad(status, limit)), now);
    // Over a longer gap (the master stood still) nothing is known.
    const seconds = Math.min((now - this.#beatAt) / 1000, longestBeat);
    this.#beatAt = now;
    this.#counters.wasBusy(seconds * status.activeProcesses);
    this.#history.beat(status.activeProcesses, status.listenQueue);
    this.#recent.note(this.#now(), () => this.totals());
  }

  /** Whether it has been full for so long that others should take what comes. */
  get isSaturated(): boolean {
    return this.#fullness.isSaturated;
  }

  /** Counts since the master's start. */
  totals(): PoolTotals {
    return this.#counters.totals(this.#generations());
  }

  /** What the requests were since the master's start. */
  routes(): RouteTable {
    return this.#counters.routes(this.#generations());
  }

  /** @param totals of this moment */
  recent(totals: PoolTotals): RecentFigures {
    return this.#recent.figures(this.#now(), totals);
  }

  /** What the history is to keep now. */
  historySample(): Pick<PoolSample, 'busy' | 'busyMean' | 'queue' | 'counts'> {
    return this.#history.take(this.#counters.accepted(this.#generations()), () => this.totals());
  }

  /** Memory and CPU of the processes. */
  processes(): PoolProcesses {
    return this.#processes.sample(this.#now(), this.#generations());
  }
}
