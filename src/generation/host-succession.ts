/**
 * The hosts of a pool over time: the serving one, the one being started, the departing ones, and the reaction to a
 * death.
 *
 * A reload never leaves the socket without a host: the new generation starts beside the old one, takes over when its
 * workers are up, and only then does the old one stop accepting. A new generation that fails to start is discarded and
 * the old one never notices.
 */

import { ContractError } from '../engine/contract.ts';
import type { HostFacts } from '../engine/host-messages.ts';
import type { TrialAnswer } from '../figures/answers.ts';
import type { PoolVoice } from '../log/pool-voice.ts';
import {
  fullStartPatienceMs,
  initialWorkers,
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
import { adoptGeneration, launchGeneration } from './launch.ts';
import type { MasterServices } from './master-services.ts';
import { Orphans } from './orphans.ts';
import type { PoolCounters } from './pool-counters.ts';
import type { PoolReports } from './pool-reports.ts';
import type { PreparedPool } from './prepared-pool.ts';
import { answerStatusQuestion } from './status-page.ts';
import type { Survivors } from './survival.ts';
import type { Survivor } from './survivor.ts';
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
  readonly #services: MasterServices;
  readonly #reports: PoolReports;
  readonly #supervisor: WorkerSupervisor;
  readonly #counters: PoolCounters;
  readonly #voice: PoolVoice;
  readonly #wall: Contained;
  readonly #hostRestart = new HostRestart();
  readonly #departures: Departures;
  readonly #orphans: Orphans;
  readonly #trial: Trial;
  readonly #leaving = new Set<Generation>();
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
  /** What the pool is to be, while a host of the last master is being adopted. */
  #adopting: PreparedPool | undefined;
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
    this.#trial = new Trial({
      services: parts.services,
      reports: parts.reports,
      onPassed: (generation) => this.#takeOverWhenUp(generation),
      onFailed: (generation, reason) => this.#giveUp(generation, reason),
      onAccepting: (generation) => this.#startTrial(generation),
    });
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

  /** Whether connections come to its workers: it serves, or is on trial beside the serving one. */
  accepts(generation: Generation): boolean {
    return generation === this.#serving || this.#trial.isCanary(generation);
  }

  get trial(): TrialAnswer | undefined {
    return this.#trial.answer;
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
      this.#openStatusDesk(next);
      next.acceptsAhead = wanted === 0 && this.#serving === undefined;
      if (next.acceptsAhead) this.#letAccept(next);
      if (next.host.pid !== 0) this.made(next);
      this.#services.wakeAt(next.progressAt + startTimeoutMs(pool.config));
    } catch (error) {
      this.gaveUp(`cannot start the engine host: ${(error as Error).message}`);
    }
  }

  /**
   * Its process exists by now. The first host of a pool holds the pool's socket if the master dies now. A native one then
   * begins to accept; an embedded one would take too long to start, and ends.
   */
  made(generation: Generation): void {
    if (generation !== this.#next || this.#serving !== undefined) return;
    if (generation.engine === 'native' || generation.acceptsAhead) this.#cover(generation, false);
    else this.#services.survival?.keepSocket(this.#nextPool ?? this.#pool);
  }

  #cover(generation: Generation, isOnTrial: boolean): void {
    this.#services.survival?.cover(generation, this.#nextPool ?? this.#pool, isOnTrial);
  }

  /**
   * One that accepts, and must not outlive the master, would take its requests along: that order comes first. Where
   * nothing has to be up before it takes over, they wait in its channel before it exists: the client that woke the pool
   * need not wait for the master again.
   */
  #letAccept(generation: Generation, { isOnTrial = false } = {}): void {
    this.#cover(generation, isOnTrial);
    generation.host.accept();
    this.#supervisor.watch(generation);
  }

  /**
   * Takes hosts of the last master over: the latest one serves on, the others finish. Where it cannot be had, the pool
   * starts as ever. Where it was made from other settings it is replaced as by a reload.
   */
  adopt(pool: PreparedPool, [latest, ...older]: Survivors['hosts']): void {
    for (const survivor of older) {
      const generation = this.#adoptOne(pool, survivor);
      if (generation !== undefined) this.#finishOff(generation);
    }
    const isSame = latest.record.fingerprint === pool.fingerprint;
    this.#adopting = pool;
    this.#nextPool = isSame
      ? pool
      : { ...pool, config: latest.record.config, fingerprint: latest.record.fingerprint };
    this.#next = this.#adoptOne(pool, latest);
    if (this.#next === undefined) return this.gaveUp('its scoreboard cannot be used');
    this.#services.wakeAt(this.#next.progressAt + startTimeoutMs(pool.config));
  }

  #adoptOne(pool: PreparedPool, survivor: Survivor): Generation | undefined {
    try {
      const conditions = { besideOthers: false, voice: this.#voice };
      const generation = adoptGeneration(pool, survivor, conditions, this.#services, (one, event) =>
        this.#reports.hostEvent(one, event),
      );
      this.#openStatusDesk(generation);
      return generation;
    } catch (error) {
      this.#services.log.error(
        `[pool ${pool.config.name}] the engine host ${survivor.record.pid} cannot be adopted: ${(error as Error).message}`,
      );
      survivor.process.signal('SIGKILL');
      return undefined;
    }
  }

  /** One that was adopted, and is not to serve. */
  #finishOff(generation: Generation): void {
    if (generation.host.state === hostStates.starting) generation.host.moveTo(hostStates.ready);
    this.#departures.drain(generation);
  }

  /** First word of an adopted host. @throws ContractError of any other host, and later */
  orphaned(generation: Generation, isDraining: boolean): void {
    expectIntroduction(generation);
    if (!isDraining || generation !== this.#next) return;
    const pool = this.#adopting;
    this.#next = undefined;
    this.#adopting = undefined;
    this.#finishOff(generation);
    if (pool !== undefined) this.launch(pool, initialWorkers(pool.config));
  }

  /** A worker of an adopted host. @throws ContractError of any other host, and later */
  kept(generation: Generation, slot: number, pid: number): void {
    expectIntroduction(generation);
    generation.keep(slot, pid);
    generation.wantedAtTakeOver += 1;
  }

  #openStatusDesk(generation: Generation): void {
    generation.openStatusDesk(
      (act) => setImmediate(() => this.#reports.enqueue(generation, 'answering its host', act)),
      (question) => answerStatusQuestion(generation, this.#pool.listener, question, this.#services.log),
    );
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
    const mayDrain = (generation.isAdopted || generation.acceptsAhead) && generation.facts === undefined;
    const isLeaving = mayDrain && generation.host.state === hostStates.draining;
    generation.expect('ready', [isLeaving ? hostStates.draining : hostStates.starting]);
    generation.facts = facts;
    generation.stacks.learn();
    if (generation.isAdopted) this.#counters.adopted(generation);
    if (isLeaving) return;
    generation.host.moveTo(hostStates.ready);
    this.#progress(generation);
    if (!generation.isAdopted) this.#supervisor.start(generation);
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
    const { state } = generation.host;
    // One on trial serves already.
    if (generation !== this.#next || (state !== hostStates.ready && state !== hostStates.serving)) return;
    const old = this.#serving;
    if (!mayTakeOver(generation.startProgress(this.#services.now()), old !== undefined)) return;
    if (old !== undefined && !this.#trial.isPassed(generation, old)) return;
    this.#takeOver(generation, old);
  }

  #takeOver(generation: Generation, old: Generation | undefined): void {
    this.#trial.end();
    if (generation.host.state !== hostStates.serving) generation.host.moveTo(hostStates.serving);
    if (generation.acceptsAhead) this.#cover(generation, false);
    else this.#letAccept(generation);
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
    if (generation.isAdopted) this.#adopted(generation);
  }

  /** It has the pool's socket, and is now what the pool is to be, or makes place for that. */
  #adopted(generation: Generation): void {
    const wanted = this.#adopting;
    this.#adopting = undefined;
    const isSame = wanted === undefined || wanted.fingerprint === this.#pool.fingerprint;
    const then = isSame ? '' : ', until one with the new settings serves';
    this.#services.log.notice(
      `[pool ${this.#pool.config.name}] engine host ${generation.host.pid} of the last master goes on with ${generation.workers.size} workers${then}`,
    );
    if (isSame) return this.#supervisor.fill(generation);
    this.launch(wanted, workersForTakeOver(wanted.config, this.#supervisor.activeWorkers(generation)));
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

  /** Discards the host being started, or on trial. It finishes what it may have accepted already. */
  discardNext(): void {
    const next = this.#next;
    this.#nextPool = undefined;
    if (next === undefined) return;
    if (!next.acceptsAhead) return this.#discard(next);
    this.#release(next);
    this.#departures.drain(next);
  }

  /** One on trial finishes the requests that it has accepted. */
  #discard(next: Generation): void {
    const hasRequests = this.#trial.isCanary(next);
    this.#trial.end();
    this.#release(next);
    if (hasRequests) this.#departures.drain(next);
    else this.#departures.end(next);
  }

  /** It accepts beside the serving one. */
  #startTrial(generation: Generation): void {
    generation.host.moveTo(hostStates.serving);
    this.#letAccept(generation, { isOnTrial: true });
  }

  /** An operator gives up what is being started or on trial beside the serving generation. */
  abortNext(by: string): void {
    const next = this.#next;
    if (next !== undefined && this.#serving !== undefined) this.#giveUp(next, `aborted by ${by}`);
  }

  /** Once a second. */
  beatTrial(): void {
    const next = this.#next;
    if (next !== undefined && this.#trial.isCanary(next)) this.#supervisor.beatTrial(next);
  }

  #end(generation: Generation): void {
    this.#release(generation);
    this.#departures.end(generation);
  }

  #release(generation: Generation): void {
    if (generation === this.#serving) this.#serving = undefined;
    if (generation !== this.#next) return;
    this.#next = undefined;
    this.#trial.end();
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

  /** Another master takes over those that have served; one that is being started ends. */
  letGo(): void {
    this.#stopped = true;
    this.#hostRestart.cancel();
    for (const generation of this.generations()) {
      this.#release(generation);
      this.#departures.remove(generation);
      generation.letGo();
    }
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
    this.#endTrialAlone();
  }

  /** Whether its host starts, drains and ends in time. */
  check(generation: Generation, now: number): void {
    const longest = startTimeoutMs(generation.pool);
    if (generation === this.#next && this.#trial.isOn(generation)) return this.#trial.check(now);
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
    this.#voice.message('error', reason);
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
    this.#discard(generation);
    this.gaveUp(reason);
  }

  /** The serving host died during a trial: what is on trial is all that there is. */
  #endTrialAlone(): void {
    const next = this.#next;
    if (this.#serving === undefined && next !== undefined && this.#trial.isCanary(next))
      this.#takeOver(next, undefined);
  }

  /** Whether workers without a host end in time. */
  checkOrphans(now: number): void {
    if (this.#orphans.size === 0) return;
    this.#orphans.check(now);
    this.#reportGone();
  }

  /** Its workers have ended, and their messages have been read. The host goes once its counts are written down. */
  drained(generation: Generation): void {
    this.#leaving.add(generation);
    this.#counters.changed();
    setImmediate(() => generation.host.dependOnMaster());
  }

  /** Hosts that have nothing more to say, and end. */
  get leaving(): readonly Generation[] {
    return [...this.#leaving];
  }

  /** Its host is gone. */
  exited(generation: Generation, code: number | null, signal: NodeJS.Signals | null): void {
    const { state } = generation.host;
    generation.host.moveTo(hostStates.gone);
    const how = wayOfExit(code, signal);
    const expected = state === hostStates.draining || state === hostStates.ending;
    // First, so that any failure below finds it gone.
    this.#departures.remove(generation);
    this.#leaving.delete(generation);
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
    this.#services.survival?.forget(generation);
    this.#voice.report();
    generation.close();
    if (!expected) {
      this.#counters.restarted('host');
      const reason = generation.failure ?? `the engine host ${generation.host.pid} exited ${how}`;
      if (wasNext) this.gaveUp(reason);
      else this.#restart(generation, reason);
    }
    this.#endTrialAlone();
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
    const adopting = this.#adopting;
    this.#adopting = undefined;
    if (adopting !== undefined && !this.#stopped) {
      this.#services.log.warning(
        `[pool ${adopting.config.name}] its host of the last master cannot be adopted, another one starts: ${reason}`,
      );
      return this.launch(adopting, initialWorkers(adopting.config));
    }
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

/** @throws ContractError where it is no adopted host, or was ready already */
function expectIntroduction(generation: Generation): void {
  if (generation.isAdopted && generation.facts === undefined) return;
  throw new ContractError('the host introduces itself as one of another master');
}

/** If the host's template had ended, the way of the host's end is unknown. */
function wayOfExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `on signal ${signal}`;
  return code === null ? 'in an unknown way' : `with code ${code}`;
}
