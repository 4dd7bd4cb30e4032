/** The master's side of the admin endpoint. Reads are immediate; actions go into the master's queue. */

import type { Configuration } from '../config/directives.ts';
import type { EndMode } from '../engine/contract.ts';
import type { AdminSnapshot, PoolRoutes, SnapshotDetail } from '../figures/admin-snapshot.ts';
import type { AdminSource, AdminVerb } from '../figures/admin-source.ts';
import {
  type ConfigurationsAnswer,
  type HistoryAnswer,
  type KeptConfiguration,
  type ReloadResult,
  servingStates,
  type UpgradeResult,
} from '../figures/answers.ts';
import type { AdminOrder } from '../figures/orders.ts';
import { everyPool } from '../figures/pool-choice.ts';
import type { SlowRequest, WorkerStack } from '../figures/slow-request.ts';
import { contain } from '../generation/bulkhead.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import type { PoolWatcher } from '../generation/pool-watcher.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { AgentFacts } from '../pool/agent-answer.ts';
import type { Profile, ProfileOptions } from '../trace/profile.ts';
import { Profiler } from './profiler.ts';
import { Recorder } from './recorder.ts';
import type { ReloadJournal } from './reload-journal.ts';
import { SlowRequests } from './slow-requests.ts';
import { adminSnapshot } from './take-admin-snapshot.ts';

/** The endpoint's access to the master. */
export interface AdministeredMaster {
  /** Removed from load balancing by an operator. */
  isDrained(pool: string): boolean;
  readonly log: ErrorLog;
  readonly reloads: ReloadJournal;
  state(): string;
  /** The pools in effect. */
  runners(): readonly PoolRunner[];
  hasWorker(pool: string, pid: number): boolean;
  configuration(): Configuration;
  enqueue(order: AdminOrder): void;
  /** Archive of earlier configurations; undefined without one. */
  readonly archive:
    | { readonly inForce: KeptConfiguration | undefined; list(): readonly KeptConfiguration[] }
    | undefined;
}

export class MasterAdmin implements AdminSource, PoolWatcher {
  readonly #master: AdministeredMaster;
  readonly #recorder = new Recorder();
  #startedAt = Date.now();
  readonly #slowRequests = new SlowRequests();
  readonly #profiler = new Profiler();

  constructor(master: AdministeredMaster) {
    this.#master = master;
  }

  /** Since when the counters count, milliseconds since 1970. */
  get startedAt(): number {
    return this.#startedAt;
  }

  /** The next master goes on from it. */
  saveHistory(): Buffer {
    return this.#recorder.history.save();
  }

  /** The next master goes on from them; undefined where they are as at the last time. */
  saveSlowRequests(): string | undefined {
    return this.#slowRequests.save();
  }

  /** @throws Error for a text of another version */
  restoreSlowRequests(text: string): void {
    this.#slowRequests.restore(text);
  }

  /**
   * The last master's goes on.
   *
   * @throws Error for bytes that are no history of this version
   */
  restore(startedAt: number, history: Buffer | undefined): void {
    this.#startedAt = startedAt;
    if (history !== undefined) this.#recorder.history.restore(history);
  }

  /** Once a second, if somebody can ask. */
  heartbeat(): void {
    this.#recorder.heartbeat();
  }

  roused(runner: PoolRunner): void {
    this.#recorder.rouse(runner);
  }

  removed(runner: PoolRunner): void {
    this.#recorder.forget(runner);
  }

  /** Facts about the pool of that name for a load balancer. */
  agentFacts(name: string): AgentFacts | undefined {
    const runner = this.#runner(name);
    if (runner === undefined) return undefined;
    return contain(runner, 'telling its load', () => this.#factsOf(runner));
  }

  #factsOf({ name, serving, isAsleep, metrics }: PoolRunner): AgentFacts {
    return {
      isServed: serving !== undefined || isAsleep,
      isSaturated: serving !== undefined && metrics.isSaturated,
      saturation: serving === undefined ? 0 : metrics.meanSaturation,
      isDrained: this.#master.isDrained(name),
      isLeaving: !['starting', ...servingStates].includes(this.#master.state()),
    };
  }

  /** @returns false for an unknown pool */
  drain(pool: string, isDrained: boolean, peer: string): boolean {
    if (this.#runner(pool) === undefined) return false;
    this.#master.enqueue({ type: 'drain', pool, isDrained, peer });
    return true;
  }

  addSlowRequest(request: SlowRequest): void {
    this.#slowRequests.add(request);
  }

  read(detail: SnapshotDetail, choice = everyPool): AdminSnapshot {
    const { reloads } = this.#master;
    const { memory } = this.#recorder;
    return adminSnapshot(
      {
        state: this.#master.state(),
        reloads,
        runners: this.#master.runners(),
        memory,
        configuration: this.#master.archive?.inForce,
        startedAt: this.#startedAt,
        isDrained: (pool) => this.#master.isDrained(pool),
      },
      detail,
      choice,
    );
  }

  history(pool: string | undefined, since: number): HistoryAnswer | undefined {
    const isKnown = pool === undefined || this.#runner(pool) !== undefined;
    if (!isKnown) return undefined;
    return { ...this.#recorder.history.read(pool, since), reloads: this.#master.reloads.recent };
  }

  routes(pool: string | undefined): readonly PoolRoutes[] | undefined {
    const runner = pool === undefined ? undefined : this.#runner(pool);
    if (pool !== undefined && runner === undefined) return undefined;
    const runners = runner === undefined ? this.#master.runners() : [runner];
    return runners.flatMap((one) => {
      const read = () => ({ pool: one.name, table: one.metrics.routes() });
      return contain(one, 'reading its routes', read) ?? [];
    });
  }

  configuration(): Configuration {
    return this.#master.configuration();
  }

  ask(verb: AdminVerb, peer: string): void {
    this.#master.enqueue({ type: 'admin', verb, peer });
  }

  reload(verb: 'reload' | 'reloadChanged', peer: string): Promise<ReloadResult> {
    const result = this.#master.reloads.next();
    this.ask(verb, peer);
    return result;
  }

  abortReload(peer: string): boolean {
    const isUnderWay = this.#master.runners().some(({ isRenewing }) => isRenewing);
    if (isUnderWay) this.ask('abortReload', peer);
    return isUnderWay;
  }

  rollback(kept: number | undefined, peer: string): Promise<ReloadResult> {
    const result = this.#master.reloads.next();
    this.#master.enqueue({ type: 'admin', verb: 'rollback', peer, kept });
    return result;
  }

  upgrade(program: string | undefined, peer: string): Promise<UpgradeResult> {
    return new Promise((done) => this.#master.enqueue({ type: 'upgrade', program, peer, done }));
  }

  configurations(): ConfigurationsAnswer {
    const { archive } = this.#master;
    return { inForce: archive?.inForce?.id, kept: archive?.list() ?? [] };
  }

  endWorker(pool: string, pid: number, how: EndMode, peer: string): boolean {
    if (!this.#master.hasWorker(pool, pid)) return false;
    this.#master.enqueue({ type: 'endWorker', order: { pool, pid, how }, peer });
    return true;
  }

  slowRequests(): readonly SlowRequest[] {
    return this.#slowRequests.list();
  }

  stack(pool: string, pid: number): WorkerStack | undefined {
    return this.#runner(pool)?.stack(pid);
  }

  profile(options: ProfileOptions, peer: string, gone: AbortSignal): Promise<Profile> {
    this.#master.log.notice(`admin endpoint: profile of pool "${options.pool}" asked for by ${peer}`);
    return this.#profiler.profile(options, this.#runner(options.pool), gone);
  }

  #runner(pool: string): PoolRunner | undefined {
    return this.#master.runners().find(({ name }) => name === pool);
  }
}
