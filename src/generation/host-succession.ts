/**
 * The hosts of a pool over time: the serving one, the one being started, the departing ones, and the reaction to a
 * death.
 *
 * A reload never leaves the socket without a host: the new generation starts beside the old one, takes over when its
 * workers are up, and only then does the old one stop accepting. A new generation that fails to start is discarded and
 * the old one never notices.
 */

import type { HostFacts } from '../engine/host-messages.ts';
import type { PoolVoice } from '../log/pool-voice.ts';
import {
  fullStartPatienceMs,
  isFullyUp,
  mayTakeOver,
  startTimeoutMs,
  stopAcceptingMs,
  workersForRestart,
  workersForTakeOver,
} from '../pool/hand-over.ts';
import { usefulHostMillis } from '../pool/respawn.ts';
import { ApplicationFiles } from './application-files.ts';
import { type Contained, contain } from './bulkhead.ts';
import { Departures } from './departures.ts';
import type { EarlierFigures } from './earlier-figures.ts';
import type { Generation } from './generation.ts';
import { HostRestart } from './host-restart.ts';
import { hostStates } from './host-states.ts';
import { launchGeneration } from './launch.ts';
import type { MasterServices } from './master-services.ts';
import { Orphans } from './orphans.ts';
import type { PoolCounters } from './pool-counters.ts';
import type { PoolReports } from './pool-reports.ts';
import type { PreparedPool } from './prepared-pool.ts';
import { answerStatusQuestion } from './status-page.ts';
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
  readonly #services: MasterServices;
  readonly #reports: PoolReports;
  readonly #supervisor: WorkerSupervisor;
  readonly #counters: PoolCounters;
  readonly #voice: PoolVoice;
  readonly #wall: Contained;
  readonly #hostRestart = new HostRestart();
  readonly #departures: Departures;
  readonly #orphans: Orphans;
  #pool: PreparedPool;
  /** The configuration of the next generation, which takes effect with it. */
  #nextPool: PreparedPool | undefined;
  #serving: Generation | undefined;
  #next: Generation | undefined;
  /**
   * The serving generation is unannounced while its predecessor may still accept, or, without one, while its first
   * workers come up.
   */
  #unannounced:
    | { readonly generation: Generation; readonly old: Generation | undefined; readonly until: number }
    | undefined;
  #failure: string | undefined;
  /** Last boot of applications without a reload, monotonic ms. */
  #renewedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(pool: PreparedPool, parts: SuccessionParts) {
    this.#pool = pool;
    this.#services = parts.services;
    this.#reports = parts.reports;
    this.#supervisor = parts.supervisor;
    this.#counters = parts.counters;
    this.#voice = parts.voice;
    this.#wall = parts.wall;
    this.#departures = new Departures(parts.services);
    this.#orphans = new Orphans(parts.services);
  }

  /** In effect: that of the serving host, or of the next one without a serving host. */
  get pool(): PreparedPool {
    return this.#pool;
  }

  get serving(): Generation | undefined {
    return this.#serving;
  }

  /** The generation being started. */
  get next(): Generation | undefined {
    return this.#next;
  }

  /** Why no host serves the pool and when that changes, in the log's words; undefined before the first failure. */
  get failure(): string | undefined {
    const serving = this.#serving;
    if (serving?.watch.isLate) return `the engine host ${serving.host.pid} does not answer`;
    return serving === undefined ? this.#failure : undefined;
  }

  /** Every generation with a host process. */
  generations(): Generation[] {
    return [this.#serving, this.#next, ...this.#departures.generations].filter(
      (generation) => generation !== undefined,
    );
  }

  /** Generations that a reload replaced and that still have a host process. */
  draining(): Generation[] {
    return [...this.#departures.generations];
  }

  /** No process of the pool is left. */
  get isGone(): boolean {
    return this.generations().length === 0 && this.#orphans.size === 0;
  }

  /**
   * Starts a host beside the serving one, if there is one.
   *
   * @param wanted number of workers that must be up before it takes over
   * @param earlier figures that it goes on from
   */
  launch(pool: PreparedPool, wanted: number, earlier?: EarlierFigures): void {
    this.#nextPool = pool;
    // A reload replaces the pending restart of a dead host: otherwise there would be two hosts.
    this.#hostRestart.cancel();
    try {
      const besideOthers = this.#serving !== undefined;
      const conditions = { wantedAtTakeOver: wanted, besideOthers, voice: this.#voice, earlier };
      this.#next = launchGeneration(pool, conditions, this.#services, (generation, event) =>
        this.#reports.hostEvent(generation, event),
      );
      const next = this.#next;
      next.openStatusDesk(
        (act) => setImmediate(() => this.#reports.enqueue(next, 'answering its host', act)),
        (question) => answerStatusQuestion(next, this.#pool.listener, question, this.#services.log),
      );
      this.#services.wakeAt(next.progressAt + startTimeoutMs(pool.config));
    } catch (error) {
      this.gaveUp(`cannot start the engine host: ${(error as Error).message}`);
    }
  }

  /** Starts the pending host when its time has come. */
  startWhenDue(now: number): void {
    if (this.#hostRestart.isDue(now)) this.launch(this.#pool, workersForRestart(this.#pool.config));
  }

  /** Sleeps with that configuration: it has no host, and none has failed. */
  rest(pool: PreparedPool): void {
    this.#pool = pool;
    this.#failure = undefined;
  }

  /** Once: the host's published data is read now, because its workers could change it later. */
  ready(generation: Generation, facts: HostFacts): void {
    if (generation.host.state === hostStates.ending) return;
    generation.expect('ready', [hostStates.starting]);
    generation.facts = facts;
    generation.stacks.learn();
    generation.host.moveTo(hostStates.ready);
    this.#progress(generation);
    this.#supervisor.start(generation);
    this.#takeOverWhenUp(generation);
  }

  /** One more of its workers is up. */
  cameCloser(generation: Generation): void {
    this.#progress(generation);
    this.#takeOverWhenUp(generation);
    this.#announceWhenUp(generation);
  }

  /** A pool of many workers may take its time as long as workers keep coming up. */
  #progress(generation: Generation): void {
    generation.progressAt = this.#services.now();
    if (generation === this.#next)
      this.#services.wakeAt(generation.progressAt + startTimeoutMs(generation.pool));
  }

  #takeOverWhenUp(generation: Generation): void {
    if (generation !== this.#next || generation.host.state !== hostStates.ready) return;
    const isServed = this.#serving !== undefined;
    if (!mayTakeOver(generation.startProgress(this.#services.now()), isServed)) return;
    generation.host.moveTo(hostStates.serving);
    generation.host.accept();
    this.#supervisor.watch(generation);
    const old = this.#serving;
    this.#serving = generation;
    this.#next = undefined;
    this.#pool = this.#nextPool ?? this.#pool;
    generation.tookOver(this.#services.now());
    this.#followFiles(generation);
    const until =
      old === undefined
        ? generation.launchedAt + fullStartPatienceMs
        : this.#services.now() + stopAcceptingMs;
    this.#unannounced = { generation, old, until };
    if (old === undefined) this.#announceWhenUp(generation);
    else this.#departures.drain(old);
    if (this.#unannounced !== undefined) this.#services.wakeAt(until);
  }

  #announceWhenUp(generation: Generation): void {
    const isStart = this.#unannounced?.generation === generation && this.#unannounced.old === undefined;
    if (isStart && isFullyUp(generation.startProgress(this.#services.now()))) this.#announce();
  }

  /** New connections now go to the new generation: the reload is done. */
  acceptsNoMore(old: Generation): void {
    if (this.#unannounced?.old === old) this.#announce();
  }

  #announce(): void {
    const generation = this.#unannounced?.generation;
    this.#unannounced = undefined;
    if (generation !== undefined) this.#reports.outcome({ type: 'serving', generation });
  }

  /**
   * After the time limit connections no longer reach the old generation, whatever it says; or the first workers are
   * late.
   */
  announceWhenDue(now: number): void {
    if (this.#unannounced !== undefined && now >= this.#unannounced.until) this.#announce();
  }

  /** Discards the host being started. */
  discardNext(): void {
    const next = this.#next;
    this.#next = undefined;
    this.#nextPool = undefined;
    if (next !== undefined) this.#end(next);
  }

  #end(generation: Generation): void {
    this.#release(generation);
    this.#departures.end(generation);
  }

  #release(generation: Generation): void {
    if (generation === this.#serving) this.#serving = undefined;
    if (generation === this.#next) this.#next = undefined;
  }

  /** The serving host stops accepting and finishes its requests; it gets no successor. */
  retire(): void {
    this.#hostRestart.cancel();
    if (this.#serving !== undefined) this.#departures.drain(this.#serving);
    this.#serving = undefined;
  }

  /** Hosts stop accepting and finish their requests; none is started any more. */
  finish(): void {
    this.#stopped = true;
    this.discardNext();
    this.retire();
    this.#reportGone();
  }

  /** Ends every host at once; running requests are lost. */
  terminate(): void {
    this.#stopped = true;
    this.#hostRestart.cancel();
    for (const generation of this.generations()) this.#end(generation);
    this.#orphans.kill();
    this.#reportGone();
  }

  /**
   * Kills the host, even if busy. Its workers, if they are processes, are told to finish their requests and tracked to
   * their end. A worker that was not up yet has nothing to finish, and receives the signal of its host's death.
   */
  abandon(generation: Generation, reason: string): void {
    const { host } = generation;
    if (host.state === hostStates.gone) return;
    const wasServing = generation === this.#serving;
    const wasNext = generation === this.#next;
    this.#release(generation);
    if (generation.mayFinish) this.#orphans.finish(generation);
    this.#departures.abandon(generation);
    if (!wasServing && !wasNext) return;
    this.#counters.restarted('host');
    if (wasServing) this.#restart(generation, reason);
    else this.gaveUp(reason);
  }

  /** Whether its host starts, drains and ends in time. */
  check(generation: Generation, now: number): void {
    const longest = startTimeoutMs(generation.pool);
    if (generation === this.#next && now - generation.progressAt >= longest) {
      const text = `the engine host ${generation.host.pid} makes no progress for ${longest / 1000} seconds`;
      return this.#giveUp(generation, text);
    }
    this.#departures.check(generation, now);
  }

  /**
   * Worker mode: the application of one of its workers fails to boot. If another generation serves, that one continues;
   * a serving generation starts its next worker later and later.
   */
  bootFailed(generation: Generation, reason: string): void {
    if (generation === this.#next) return this.#giveUp(generation, reason);
    if (generation !== this.#serving) return;
    this.#services.log.error(`[pool ${this.#pool.config.name}] ${reason}`);
  }

  /**
   * Worker mode: boots applications again beside the serving ones, which continue until then. No-op while a host is
   * being started, and during the pause after the last time.
   *
   * @param pause ms
   */
  renew(generation: Generation, reason: string, pause = 0): void {
    const now = this.#services.now();
    const isFree = generation === this.#serving && this.#next === undefined;
    if (!isFree || this.#stopped || !this.#services.isNormal() || now < this.#renewedAt + pause) return;
    this.#renewedAt = now;
    const { name } = this.#pool.config;
    this.#services.log.notice(`[pool ${name}] the application boots anew: ${reason}`);
    const busy = this.#supervisor.activeWorkers(generation);
    this.launch(this.#pool, workersForTakeOver(this.#pool.config, busy));
  }

  /** For development. */
  #followFiles(generation: Generation): void {
    const { pool } = generation;
    if (pool['worker.script'] === undefined || pool['worker.watch'].length === 0) return;
    generation.files = new ApplicationFiles(
      pool['worker.watch'],
      (file) =>
        this.#reports.enqueue(generation, 'following its files', () =>
          this.renew(generation, `${JSON.stringify(file)} has changed`),
        ),
      (message) => this.#services.log.warning(`[pool ${pool.name}] ${message}`),
    );
  }

  /** The generation does not take over. */
  #giveUp(generation: Generation, reason: string): void {
    generation.failure = reason;
    this.#end(generation);
    this.gaveUp(reason);
  }

  /** Whether workers without a host end in time. */
  checkOrphans(now: number): void {
    if (this.#orphans.size === 0) return;
    this.#orphans.check(now);
    this.#reportGone();
  }

  /** Its host is gone. */
  exited(generation: Generation, code: number | null, signal: NodeJS.Signals | null): void {
    const { state } = generation.host;
    generation.host.moveTo(hostStates.gone);
    const how = wayOfExit(code, signal);
    const expected = state === hostStates.draining || state === hostStates.ending;
    // First, so that any failure below finds it gone.
    this.#departures.remove(generation);
    const wasNext = generation === this.#next;
    this.#release(generation);
    if (generation === this.#unannounced?.old || generation === this.#unannounced?.generation)
      this.#announce();
    this.#orphans.inherit(generation);
    const count = (): void => {
      this.#supervisor.hostGone(generation);
      this.#counters.generationGone(generation);
    };
    contain(this.#wall, 'counting what its host did', count, generation);
    this.#voice.report();
    generation.close();
    if (!expected) {
      this.#counters.restarted('host');
      const reason = generation.failure ?? `the engine host ${generation.host.pid} exited ${how}`;
      if (wasNext) this.gaveUp(reason);
      else this.#restart(generation, reason);
    }
    this.#reportGone();
  }

  #restart(generation: Generation, reason: string): void {
    const served = generation.servingSince === undefined ? 0 : this.#services.now() - generation.servingSince;
    const when = this.#restartLater(served >= usefulHostMillis);
    this.#fail(`${reason}${when === '' ? '' : `; starting a new one ${when}`}`);
  }

  /**
   * A failed reload changes nothing; a pool without any host tries again, later and later, with the configuration that
   * the operator wants now.
   */
  gaveUp(reason: string): void {
    const retry = this.#serving === undefined && !this.#stopped;
    if (retry) this.#pool = this.#nextPool ?? this.#pool;
    this.#nextPool = undefined;
    const when = retry ? this.#restartLater(false) : '';
    this.#fail(`cannot start: ${reason}${when === '' ? '' : `; trying again ${when}`}`);
    this.#reports.outcome({ type: 'gaveUp', reason });
  }

  #fail(text: string): void {
    this.#failure = text;
    this.#services.log.error(`[pool ${this.#pool.config.name}] ${text}`);
  }

  /** @returns the time in words for the log; empty without a restart, or if a host is already starting */
  #restartLater(wasUseful: boolean): string {
    if (this.#stopped || !this.#services.isNormal() || this.#next !== undefined) return '';
    const { at, when } = this.#hostRestart.plan(this.#services.now(), wasUseful);
    this.#services.wakeAt(at);
    return when;
  }

  #reportGone(): void {
    if (this.#stopped && this.generations().length === 0 && this.#orphans.size === 0) {
      this.#reports.outcome({ type: 'gone' });
    }
  }
}

/** If the host's template had ended, the way of the host's end is unknown. */
function wayOfExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `on signal ${signal}`;
  return code === null ? 'in an unknown way' : `with code ${code}`;
}
