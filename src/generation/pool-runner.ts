/**
 * One pool over all its generations: which host serves, which one is being started, which ones still drain.
 *
 * A reload never leaves the socket without a host: the new generation starts beside the old one, takes over when
 * its workers are up, and only then does the old one stop accepting. A new generation that cannot start is given
 * up and the old one never notices.
 */

import type { PoolConfig } from '../config/directives.ts';
import { ContractError } from '../engine/contract.ts';
import type { HostFacts, HostMessage } from '../engine/host-messages.ts';
import type { WorkerStack } from '../figures/slow-request.ts';
import { PoolVoice } from '../log/pool-voice.ts';
import {
  hostStartTimeoutMs,
  initialWorkers,
  mayTakeOver,
  orphanDeadline,
  stopAcceptingMs,
  workersForRestart,
  workersForTakeOver,
} from '../pool/hand-over.ts';
import { usefulHostMillis } from '../pool/respawn.ts';
import { maySleep } from '../pool/sleep.ts';
import type { Listener } from '../sockets/listener.ts';
import type { HeaderLine } from '../status/render.ts';
import { contain } from './bulkhead.ts';
import { Departures } from './departures.ts';
import type { Generation } from './generation.ts';
import type { HostEvent } from './host-process.ts';
import { sayHostFacts } from './host-reports.ts';
import { HostRestart } from './host-restart.ts';
import { hostStates } from './host-states.ts';
import { launchGeneration } from './launch.ts';
import type { MasterServices } from './master-services.ts';
import { Orphans } from './orphans.ts';
import { PoolCounters } from './pool-counters.ts';
import { PoolFigures } from './pool-figures.ts';
import type { PoolReports } from './pool-reports.ts';
import type { PreparedPool } from './prepared-pool.ts';
import { workerStack } from './request-facts.ts';
import { Sleep } from './sleep.ts';
import type { StatusQuestion } from './status-desk.ts';
import { poweredBy, publishFigures, renderSleepingPage, renderStatusPage } from './status-page.ts';
import { WorkerSupervisor } from './worker-supervisor.ts';

/** Workers that were killed are looked for again so soon, ms. */
const orphanCheckMs = 50;

const shortages: readonly (string | undefined)[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOSPC'];

export class PoolRunner {
  readonly name: string;
  readonly figures: PoolFigures;
  readonly #services: MasterServices;
  readonly #reports: PoolReports;
  readonly #supervisor: WorkerSupervisor;
  readonly #counters = new PoolCounters();
  readonly #hostRestart = new HostRestart();
  #pool: PreparedPool;
  /** The configuration that the next generation was made from, taken over with it. */
  #nextPool: PreparedPool | undefined;
  #serving: Generation | undefined;
  #next: Generation | undefined;
  /** Of the generation that serves nobody has been told while the one before it may accept still. */
  #unannounced:
    | { readonly generation: Generation; readonly old: Generation; readonly until: number }
    | undefined;
  readonly #departures: Departures;
  readonly #voice: PoolVoice;
  readonly #orphans = new Orphans();
  readonly #sleep: Sleep;
  #failure: string | undefined;
  /** What the log has been told of the host. */
  #reported: string | undefined;
  /** The log has been told that its descriptor is gone. */
  #lostSocket: Listener | undefined;
  #stopped = false;
  #toldIncident: string | undefined;

  constructor(pool: PreparedPool, services: MasterServices, reports: PoolReports) {
    this.name = pool.config.name;
    this.#pool = pool;
    this.#services = services;
    this.#reports = reports;
    this.#departures = new Departures(services);
    this.#voice = new PoolVoice(services.log, this.name, services.now);
    this.#sleep = new Sleep(services);
    this.figures = new PoolFigures(this.#counters, () => this.generations(), services.now);
    this.#supervisor = new WorkerSupervisor(this.name, services, this.#counters, () =>
      reports.outcome({ type: 'crash' }),
    );
  }

  get config(): PoolConfig {
    return this.#pool.config;
  }

  get prepared(): PreparedPool {
    return this.#pool;
  }

  get serving(): Generation | undefined {
    return this.#serving;
  }

  /** What a worker runs now; undefined when there is no worker of that pid. */
  stack(pid: number): WorkerStack | undefined {
    const found = this.findWorker(pid);
    return found && workerStack(found.generation, found.slot, pid);
  }

  /** Headers that PHP puts first in each of its answers; none while no host serves the pool. */
  get firstHeaders(): readonly HeaderLine[] {
    return this.#serving === undefined ? [] : poweredBy(this.#serving);
  }

  /** It has no host, and starts one for the first connection. */
  get isAsleep(): boolean {
    return this.#sleep.isAsleep;
  }

  /** It sleeps and has no process: nothing of it changes without an event of its own. */
  get isAtRest(): boolean {
    return this.#sleep.isAsleep && this.generations().length === 0 && this.#orphans.size === 0;
  }

  /** When the host that serves was started, or the pool fell asleep, milliseconds since 1970; undefined otherwise. */
  get startedAt(): number | undefined {
    return this.#sleep.isAsleep ? this.#sleep.since : this.#serving?.launchedEpochMs;
  }

  /** The status page as the bytes of a CGI response; undefined while no host serves the pool and none is to. */
  statusPage(query: string): Buffer | undefined {
    if (this.#sleep.isAsleep) return renderSleepingPage(this.#pool, this.#sleep.since, query).reply;
    return (
      this.#serving && renderStatusPage(this.#serving, this.#pool.listener, query, this.firstHeaders).reply
    );
  }

  /** Why no host serves the pool and when that changes, in the words of the log; undefined before the first failure. */
  get failure(): string | undefined {
    const serving = this.#serving;
    if (serving?.watch.isLate) return `the engine host ${serving.host.pid} does not answer`;
    return serving === undefined ? this.#failure : undefined;
  }

  /** Every generation that has a host process. */
  generations(): Generation[] {
    return [this.#serving, this.#next, ...this.#departures.generations].filter(
      (generation) => generation !== undefined,
    );
  }

  /** Those that a reload replaced and that still have a host process. */
  draining(): Generation[] {
    return [...this.#departures.generations];
  }

  /**
   * Workers as `process.max` counts them. During a reload the old generation's do not count: they only finish, and
   * a limit that is used up would otherwise keep the new generation from having any.
   */
  get workerCount(): number {
    return (this.#next ?? this.#serving)?.workers.size ?? 0;
  }

  /** Where a worker of that process id is, if it is one of this pool's. */
  findWorker(pid: number): { readonly generation: Generation; readonly slot: number } | undefined {
    for (const generation of this.generations()) {
      // One that is not up yet has the pid 0.
      const worker = generation.workers.all().find((one) => one.pid === pid && pid !== 0);
      if (worker !== undefined) return { generation, slot: worker.slot };
    }
    return undefined;
  }

  /** Starts the first generation. */
  start(): void {
    if (maySleep(this.#pool.config, 0)) return this.#sleepFirst(this.#pool);
    this.#launch(this.#pool, initialWorkers(this.#pool.config));
  }

  /** Whether the host that serves would be made in the same way, on the same socket. */
  serves({ fingerprint, listener }: PreparedPool): boolean {
    const isSettled = (this.#serving !== undefined || this.#sleep.isAsleep) && this.#next === undefined;
    return isSettled && fingerprint === this.#pool.fingerprint && listener === this.#pool.listener;
  }

  /** Starts a new generation with another (or the same) configuration beside the one that serves. */
  reload(pool: PreparedPool): void {
    this.#discardNext();
    const serving = this.#serving;
    if (maySleep(pool.config, serving?.workers.size ?? 0)) {
      this.#hostRestart.cancel();
      this.#retireServing();
      return this.#sleepFirst(pool);
    }
    this.#sleep.end();
    const busy = serving === undefined ? 0 : this.#supervisor.activeWorkers(serving);
    this.#launch(pool, workersForTakeOver(pool.config, busy));
  }

  /** Accepts no more, finishes what runs. */
  finish(): void {
    this.#stopped = true;
    this.#hostRestart.cancel();
    this.#sleep.end();
    this.#discardNext();
    this.#retireServing();
    this.#reportGone();
  }

  /** Ends every host at once; running requests are lost. */
  terminate(): void {
    this.#stopped = true;
    this.#hostRestart.cancel();
    this.#sleep.end();
    for (const generation of this.generations()) this.#end(generation);
    this.#orphans.kill();
    this.#reportGone();
  }

  /**
   * Something of this pool could not be handled, or its host is out of order: the log is told, the host is ended, and
   * the next one started by the rules for a host that died. Never throws: nobody else is to notice.
   *
   * @param doing what was being done
   * @param generation whose host it is about
   */
  incident(doing: string, error: unknown, generation = this.#serving): void {
    try {
      const hasEnded = generation === undefined || isLeaving(generation);
      if (this.#tellIncident(doing, error, hasEnded)) this.#counters.faulted();
      if (generation !== undefined) this.#abandon(generation, reasonOf(error));
    } catch (second) {
      this.#services.log.alert(`[pool ${this.name}] its host cannot be ended: ${reasonOf(second)}`);
      generation?.host.kill();
    }
  }

  /**
   * @param mayRepeat no host is ended for it, so that the same may come every second
   * @returns whether it is news
   */
  #tellIncident(doing: string, error: unknown, mayRepeat: boolean): boolean {
    const { log } = this.#services;
    const isHosts = error instanceof ContractError;
    const text = `${isHosts ? '' : `fault while ${doing}: `}${reasonOf(error)}`;
    if (mayRepeat && text === this.#toldIncident) return false;
    this.#toldIncident = text;
    log.alert(`[pool ${this.name}] ${text}`);
    const places = isHosts || !(error instanceof Error) ? [] : (error.stack ?? '').split('\n').slice(1);
    for (const place of places) log.debug(place.trim());
    return true;
  }

  onHostEvent(generation: Generation, event: HostEvent): void {
    switch (event.type) {
      case 'message':
        // What had come with the message that was one too many.
        if (generation.host.isIgnored) return;
        return this.#onMessage(generation, event.message);
      case 'chatter':
        return this.#voice.chatter(generation.host.pid, event.stream, event.text);
      case 'unstarted':
        generation.failure = `cannot start the engine host: ${event.error.message}`;
        return;
      case 'fault':
        return this.incident('listening to its host', event.error, generation);
      case 'exit':
        return this.#onExit(generation, event.code, event.signal);
      default:
        throw new Error(`no handler for the host event ${JSON.stringify(event satisfies never)}`);
    }
  }

  /** Once a second: numbers of workers. */
  heartbeat(): void {
    if (this.#serving === undefined || !this.#services.isNormal()) return;
    this.#checkSocket();
    const scoreboard = this.#serving.reader.readNumbers();
    this.#supervisor.heartbeat(this.#serving, scoreboard.slots);
    this.figures.beat(
      publishFigures(this.#serving, this.#pool.listener, scoreboard),
      this.config['pm.max_children'],
    );
    this.#report(this.#serving);
    if (this.#next === undefined && this.#sleep.isDue(this.#serving, this.#pool.config)) this.#fallAsleep();
  }

  /** A connection waits. */
  wake(): void {
    if (!this.#sleep.isAsleep || !this.#services.isNormal()) return;
    this.#sleep.end();
    this.#services.log.debug(`[pool ${this.name}] a connection wakes it`);
    this.#launch(this.#pool, 0);
  }

  #fallAsleep(): void {
    this.#services.log.debug(`[pool ${this.name}] nothing to do: its host goes until a connection comes`);
    this.#retireServing();
    this.#sleep.begin(this.#pool, () => this.#reports.wake());
  }

  /** Nothing runs before the first connection; but whether its PHP can be started is known before. */
  #sleepFirst(pool: PreparedPool): void {
    this.#pool = pool;
    this.#failure = undefined;
    this.#sleep.begin(pool, () => this.#reports.wake());
    const done = (failure: string | undefined): void => {
      if (!this.#sleep.isAsleep || this.#pool !== pool) return;
      if (failure === undefined) return this.#reports.outcome({ type: 'asleep' });
      this.#sleep.end();
      this.#gaveUp(failure);
    };
    this.#services.prepareStart(pool, (failure) =>
      this.#reports.enqueue(undefined, 'preparing its start', () => done(failure)),
    );
  }

  #retireServing(): void {
    if (this.#serving !== undefined) this.#departures.drain(this.#serving);
    this.#serving = undefined;
  }

  /** The host has a descriptor of its own and serves on; the next one could not. */
  #checkSocket(): void {
    const { listener } = this.#pool;
    if (listener === this.#lostSocket || listener.isIntact()) return;
    this.#lostSocket = listener;
    this.#services.log.alert(
      `[pool ${this.name}] the descriptor ${listener.fd} of the listening socket '${listener.key}' has been closed: reload, which opens the socket again`,
    );
  }

  /** Not at the start itself: programs that read the log know its lines by heart. */
  #report({ facts }: Generation): void {
    const { command } = this.#pool;
    const report = `${command.instead} ${facts?.detail} ${facts?.warnings.join()}`;
    if (facts === undefined || report === this.#reported) return;
    this.#reported = report;
    sayHostFacts(this.#voice, facts, command);
  }

  /** Once a second, also while the master stops: whether hosts answer and obey. */
  watchHosts(): void {
    const now = this.#services.now();
    for (const generation of this.generations()) {
      contain(this, 'watching its host', () => this.#watchHost(generation, now), generation);
    }
    this.#checkOrphans(now);
  }

  #watchHost(generation: Generation, now: number): void {
    const complaint = generation.watch.check(generation, now);
    if (complaint !== undefined) throw new ContractError(complaint);
  }

  #checkOrphans(now: number): void {
    if (this.#orphans.size === 0) return;
    this.#orphans.check(now);
    this.#reportGone();
  }

  /** Deadlines of requests, hosts and drains; called often, cheap when nothing is due. */
  checkDeadlines(): void {
    const now = this.#services.now();
    this.#checkOrphans(now);
    if (this.#hostRestart.isDue(now)) this.#launch(this.#pool, workersForRestart(this.#pool.config));
    if (this.#serving !== undefined) this.#supervisor.replaceDue(this.#serving);
    if (this.#unannounced !== undefined && now >= this.#unannounced.until) this.#announce();
    for (const generation of this.generations()) {
      const check = (): void => {
        this.#supervisor.checkRequests(generation);
        this.#checkHost(generation, now);
      };
      contain(this, 'checking deadlines', check, generation);
    }
  }

  /** The access log was opened anew: every host is handed it. */
  passAccessLog(fd: number): void {
    for (const generation of this.generations()) {
      contain(this, 'passing its access log', () => generation.host.reopenAccessLog(fd), generation);
    }
  }

  #answerStatus(generation: Generation, { id, query }: StatusQuestion): void {
    try {
      const { status, reply } = renderStatusPage(generation, this.#pool.listener, query);
      generation.host.answerStatus(id, status, reply);
    } catch (error) {
      // A system that is short of descriptors or memory is no fault of the pool.
      if (!shortages.includes((error as NodeJS.ErrnoException).code)) throw error;
      this.#services.log.sysError(`[pool ${this.name}] cannot give the status page`, error);
      generation.host.refuseStatus(id, reasonOf(error));
    }
  }

  #launch(pool: PreparedPool, wanted: number): void {
    this.#nextPool = pool;
    // A reload comes before the restart that a dead host waits for: two hosts would be one too many.
    this.#hostRestart.cancel();
    try {
      const besideOthers = this.#serving !== undefined;
      const conditions = { wantedAtTakeOver: wanted, besideOthers, voice: this.#voice };
      this.#next = launchGeneration(pool, conditions, this.#services, (generation, event) =>
        this.#reports.hostEvent(generation, event),
      );
      const next = this.#next;
      next.openStatusDesk(
        (act) => setImmediate(() => this.#reports.enqueue(next, 'answering its host', act)),
        (question) => this.#answerStatus(next, question),
      );
      this.#services.wakeAt(next.progressAt + hostStartTimeoutMs);
    } catch (error) {
      this.#gaveUp(`cannot start the engine host: ${(error as Error).message}`);
    }
  }

  #onMessage(generation: Generation, message: HostMessage): void {
    switch (message.type) {
      case 'ready':
        return this.#onReady(generation, message.facts);
      case 'failed':
        generation.expect(message.type, [hostStates.starting, hostStates.ending]);
        generation.failure = message.reason;
        return;
      case 'up':
        generation.checkPid(message);
        this.#supervisor.up(generation, message.slot, message.pid);
        this.#progress(generation);
        return this.#takeOverWhenUp(generation);
      case 'memory':
        generation.checkOffer(message);
        return this.#takeMemory(generation, message.slot, message.pid);
      case 'no-memory':
        generation.checkOffer(message);
        return generation.stacks.refuse(message.slot, message.reason);
      case 'ended':
        return this.#supervisor.ended(generation, message, generation === this.#serving);
      case 'status':
        return generation.statusDesk.ask(message);
      case 'alive':
        return generation.watch.answered(message.id);
      case 'waiting':
        generation.host.tookWatch();
        if (message.slot !== undefined) return this.#supervisor.madeByHost(generation, message.slot);
        if (generation === this.#serving && this.#services.isNormal()) this.#supervisor.waiting(generation);
        return;
      case 'output':
        if (!generation.hasVoice(message)) return;
        return generation.output.write(message.pid, message.stream, message.bytes, message.requestId);
      case 'flush':
        if (!generation.hasVoice(message)) return;
        return generation.output.flush(message.pid);
      case 'log':
        return this.#voice.message(message.level, message.text);
      case 'stopped':
        generation.expect(message.type, [hostStates.draining, hostStates.ending]);
        return this.#oldStopped(generation);
      case 'drained':
        return generation.expect(message.type, [hostStates.draining, hostStates.ending]);
      default:
        throw new Error(`no handler for the host message ${JSON.stringify(message satisfies never)}`);
    }
  }

  #takeMemory(generation: Generation, slot: number, pid: number): void {
    try {
      generation.stacks.take(slot, pid, generation.host.descriptorChannel);
    } catch (error) {
      this.#services.log.warning(
        `[pool ${this.name}] child ${pid} cannot be looked into: ${(error as Error).message}`,
      );
    }
  }

  /** Once: what the host has published is read now, and could be changed by its workers later. */
  #onReady(generation: Generation, facts: HostFacts): void {
    if (generation.host.state === hostStates.ending) return;
    generation.expect('ready', [hostStates.starting]);
    generation.facts = facts;
    generation.stacks.learn();
    generation.host.moveTo(hostStates.ready);
    this.#progress(generation);
    this.#supervisor.start(generation);
    this.#takeOverWhenUp(generation);
  }

  /** A pool of many workers may take its time as long as one after the other comes up. */
  #progress(generation: Generation): void {
    generation.progressAt = this.#services.now();
    if (generation === this.#next) this.#services.wakeAt(generation.progressAt + hostStartTimeoutMs);
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
    if (old === undefined) return this.#reports.outcome({ type: 'serving', generation });
    const until = this.#services.now() + stopAcceptingMs;
    this.#unannounced = { generation, old, until };
    this.#services.wakeAt(until);
    this.#departures.drain(old);
  }

  /** Whoever connects from now on gets the new generation: the reload is done. */
  #oldStopped(old: Generation): void {
    if (this.#unannounced?.old === old) this.#announce();
  }

  #announce(): void {
    const generation = this.#unannounced?.generation;
    this.#unannounced = undefined;
    if (generation !== undefined) this.#reports.outcome({ type: 'serving', generation });
  }

  #discardNext(): void {
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

  /**
   * The host is killed, whatever it does. Its workers, where they are processes, are told to finish what they run, and
   * followed to their end. One that was not up yet has nothing to finish, and the signal of its host's death.
   */
  #abandon(generation: Generation, reason: string): void {
    const { host } = generation;
    if (host.state === hostStates.gone) return;
    const wasServing = generation === this.#serving;
    const wasNext = generation === this.#next;
    this.#release(generation);
    if (generation.mayFinish) {
      const workers = generation.workers.takeProcesses();
      for (const worker of workers) worker.signal('SIGQUIT');
      this.#orphans.adopt(workers, this.#orphanDeadline(generation));
    }
    this.#departures.abandon(generation);
    if (!wasServing && !wasNext) return;
    this.#counters.restarted('host');
    if (wasServing) this.#restart(generation, reason);
    else this.#gaveUp(reason);
  }

  #orphanDeadline({ pool }: Generation): number {
    return orphanDeadline(
      this.#services.now(),
      this.#services.processControlTimeout(),
      pool.request_terminate_timeout,
    );
  }

  #checkHost(generation: Generation, now: number): void {
    if (generation === this.#next && now - generation.progressAt >= hostStartTimeoutMs) {
      generation.failure = `the engine host ${generation.host.pid} makes no progress for ${hostStartTimeoutMs / 1000} seconds`;
      this.#end(generation);
      return this.#gaveUp(generation.failure);
    }
    this.#departures.check(generation, now);
  }

  #onExit(generation: Generation, code: number | null, signal: NodeJS.Signals | null): void {
    const { state } = generation.host;
    generation.host.moveTo(hostStates.gone);
    const how = wayOfExit(code, signal);
    const expected = state === hostStates.draining || state === hostStates.ending;
    // First of all, so that whatever fails below finds it gone.
    this.#departures.remove(generation);
    const wasNext = generation === this.#next;
    this.#release(generation);
    if (generation === this.#unannounced?.old || generation === this.#unannounced?.generation)
      this.#announce();
    this.#adoptWorkers(generation);
    const count = (): void => {
      this.#supervisor.hostGone(generation);
      this.#counters.generationGone(generation);
    };
    contain(this, 'counting what its host did', count, generation);
    this.#voice.report();
    generation.close();
    if (!expected) {
      this.#counters.restarted('host');
      const reason = generation.failure ?? `the engine host ${generation.host.pid} exited ${how}`;
      if (wasNext) this.#gaveUp(reason);
      else this.#restart(generation, reason);
    }
    this.#reportGone();
  }

  /** Workers that outlive their host. */
  #adoptWorkers(generation: Generation): void {
    const until = generation.mayFinish ? this.#orphanDeadline(generation) : this.#services.now();
    this.#orphans.adopt(generation.workers.takeProcesses(), until);
    if (this.#orphans.size === 0) return;
    this.#orphans.check(this.#services.now());
    this.#services.wakeAt(this.#services.now() + orphanCheckMs);
  }

  #restart(generation: Generation, reason: string): void {
    const served = generation.servingSince === undefined ? 0 : this.#services.now() - generation.servingSince;
    const when = this.#restartLater(served >= usefulHostMillis);
    this.#fail(`${reason}${when === '' ? '' : `; starting a new one ${when}`}`);
  }

  /**
   * A reload that failed changes nothing; a pool without any host tries again, ever more slowly, and with what the
   * operator wants now.
   */
  #gaveUp(reason: string): void {
    const retry = this.#serving === undefined && !this.#stopped;
    if (retry) this.#pool = this.#nextPool ?? this.#pool;
    this.#nextPool = undefined;
    const when = retry ? this.#restartLater(false) : '';
    this.#fail(`cannot start: ${reason}${when === '' ? '' : `; trying again ${when}`}`);
    this.#reports.outcome({ type: 'gaveUp', reason });
  }

  #fail(text: string): void {
    this.#failure = text;
    this.#services.log.error(`[pool ${this.name}] ${text}`);
  }

  /** @returns when, in words for the log; empty where there is no restart, or a host starts already */
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

/** Its host was told to go, or has gone. */
function isLeaving({ host }: Generation): boolean {
  return host.state === hostStates.ending || host.state === hostStates.gone;
}

/** Of a host whose template was gone nobody learns how it ended. */
function wayOfExit(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `on signal ${signal}`;
  return code === null ? 'in an unknown way' : `with code ${code}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
