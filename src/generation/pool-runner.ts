/**
 * One pool: executes the master's requests, and handles its host's and workers' events. Its hosts are in
 * host-succession.ts.
 */

import type { PoolConfig } from '../config/directives.ts';
import { ContractError } from '../engine/contract.ts';
import type { AdaptiveAnswer, TrialAnswer } from '../figures/answers.ts';
import type { WorkerStack } from '../figures/slow-request.ts';
import { PoolVoice } from '../log/pool-voice.ts';
import type { AutoDecision } from '../pool/auto-sizing.ts';
import { initialWorkers, workersForTakeOver } from '../pool/hand-over.ts';
import type { Leak } from '../pool/leak-detector.ts';
import type { AutoClaim } from '../pool/memory-shares.ts';
import { wantsProof } from '../pool/reload-probe.ts';
import { maySleep } from '../pool/sleep.ts';
import type { HeaderLine } from '../status/render.ts';
import { contain } from './bulkhead.ts';
import type { Generation } from './generation.ts';
import { HostMessageHandler } from './host-message-handler.ts';
import type { HostEvent } from './host-process.ts';
import { hostStates } from './host-states.ts';
import { HostSuccession } from './host-succession.ts';
import type { MasterServices } from './master-services.ts';
import { PoolCounters } from './pool-counters.ts';
import type { PoolHosts } from './pool-hosts.ts';
import { PoolMetrics } from './pool-metrics.ts';
import { PoolNotices, reasonOf } from './pool-notices.ts';
import type { PoolReports } from './pool-reports.ts';
import type { PreparedPool } from './prepared-pool.ts';
import { workerStack } from './request-facts.ts';
import { Sleep } from './sleep.ts';
import { poweredBy, publishFigures, renderSleepingPage, renderStatusPage } from './status-page.ts';
import type { SavedPool } from './survival.ts';
import { WorkerSupervisor } from './worker-supervisor.ts';

export class PoolRunner {
  readonly name: string;
  readonly metrics: PoolMetrics;
  readonly #services: MasterServices;
  readonly #counters: PoolCounters;
  readonly #supervisor: WorkerSupervisor;
  readonly #succession: HostSuccession;
  readonly #hosts: PoolHosts;
  readonly #messages: HostMessageHandler;
  readonly #voice: PoolVoice;
  readonly #notices: PoolNotices;
  readonly #sleep: Sleep;

  constructor(pool: PreparedPool, services: MasterServices, reports: PoolReports) {
    const voice = new PoolVoice(services.log, pool.config.name, services.now);
    this.name = pool.config.name;
    const counters = new PoolCounters(() =>
      services.survival?.counted(this.name, () => ({
        counters: counters.saveWith([...this.#hosts.leaving]),
        earlier: this.#sleep.earlier,
      })),
    );
    this.#counters = counters;
    this.#services = services;
    this.#voice = voice;
    this.#notices = new PoolNotices(this.name, services.log, voice);
    const supervisor = new WorkerSupervisor(this.name, services, counters, () =>
      reports.outcome({ type: 'crash' }),
    );
    this.#supervisor = supervisor;
    this.#succession = new HostSuccession(pool, {
      services,
      reports,
      supervisor,
      counters,
      voice,
      wall: this,
    });
    this.#hosts = this.#succession.hosts;
    this.#sleep = new Sleep(services, reports, this.#succession);
    this.#messages = new HostMessageHandler(services, voice, supervisor, this.#succession);
    this.metrics = new PoolMetrics(counters, () => this.generations(), services.now);
  }

  get config(): PoolConfig {
    return this.#hosts.pool.config;
  }

  get prepared(): PreparedPool {
    return this.#hosts.pool;
  }

  get serving(): Generation | undefined {
    return this.#hosts.serving;
  }

  /** The adaptive limit of its queue, where the master keeps one. */
  adaptive: AdaptiveAnswer | undefined;

  /** With `pm = auto`: the number of workers and why. */
  get sizing(): AutoDecision | undefined {
    return this.config.pm === 'auto' ? this.#supervisor.staffing.sizing : undefined;
  }

  /** A new generation on trial beside the serving one. */
  get trial(): TrialAnswer | undefined {
    return this.#hosts.trial.answer;
  }

  /** A new generation is being started or on trial beside the serving one. */
  get isRenewing(): boolean {
    return this.#hosts.serving !== undefined && this.#hosts.next !== undefined;
  }

  /** An operator wants no new generation: one that is being started or on trial beside the serving one is given up. */
  abortReload(by: string): void {
    this.#succession.abortNext(by);
  }

  /** With `pm = auto`: the pool's claim on memory. */
  autoClaim(): AutoClaim | undefined {
    const { serving } = this.#hosts;
    return serving === undefined ? undefined : this.#supervisor.staffing.claim(serving);
  }

  /** Requests begun by workers since the master's start. */
  begunRequests(): number {
    return this.#counters.accepted(this.generations());
  }

  /** Connections of the pool were answered without a worker. */
  refused(count: number): void {
    this.#counters.refused(count);
  }

  /** Scripts whose requests leak memory, worst first. */
  get leaks(): readonly Leak[] {
    return this.#supervisor.leaks;
  }

  /** A worker's current request; undefined for an unknown pid. */
  stack(pid: number): WorkerStack | undefined {
    const found = this.findWorker(pid);
    return found && workerStack(found.generation, found.slot, pid);
  }

  /** Headers that PHP puts first in each of its answers; empty while no host serves the pool. */
  get firstHeaders(): readonly HeaderLine[] {
    return this.#hosts.serving === undefined ? [] : poweredBy(this.#hosts.serving);
  }

  /** It has no host, and starts one for the first connection. */
  get isAsleep(): boolean {
    return this.#sleep.isAsleep;
  }

  /** It sleeps and has no process: it only changes by an event of its own. */
  get isAtRest(): boolean {
    return this.#sleep.isAsleep && this.#hosts.isGone;
  }

  /** Start of the serving host, or the time when the pool fell asleep, milliseconds since 1970; otherwise undefined. */
  get startedAt(): number | undefined {
    return this.#sleep.isAsleep ? this.#sleep.since : this.#hosts.serving?.launchedEpochMs;
  }

  /** The status page as the bytes of a CGI response; undefined while no host serves the pool, unless it sleeps. */
  statusPage(query: string): Buffer | undefined {
    if (this.#sleep.isAsleep)
      return renderSleepingPage(this.#hosts.pool, this.#sleep.since, query, this.#sleep.earlier).reply;
    return (
      this.#hosts.serving &&
      renderStatusPage(this.#hosts.serving, this.#hosts.pool.listener, query, this.firstHeaders).reply
    );
  }

  /** Why no host serves the pool and when that changes, in the log's words; undefined before the first failure. */
  get failure(): string | undefined {
    return this.#succession.failures.current;
  }

  /** Every generation with a host process. */
  generations(): Generation[] {
    return this.#hosts.generations();
  }

  /** Generations that a reload replaced and that still have a host process. */
  draining(): Generation[] {
    return this.#hosts.draining();
  }

  /**
   * Workers as `process.max` counts them. During a reload the old generation's do not count: they only finish, and
   * otherwise a used-up limit would keep the new generation from having any.
   */
  get workerCount(): number {
    return (this.#hosts.next ?? this.#hosts.serving)?.workers.size ?? 0;
  }

  /** The place of a worker by its process id, if it belongs to this pool. */
  findWorker(pid: number): { readonly generation: Generation; readonly slot: number } | undefined {
    for (const generation of this.generations()) {
      // A worker that is not up yet has pid 0.
      const worker = generation.workers.all().find((one) => one.pid === pid && pid !== 0);
      if (worker !== undefined) return { generation, slot: worker.slot };
    }
    return undefined;
  }

  /** Starts the first generation, or takes over that of the last master. */
  start(): void {
    const survivors = this.#services.survival?.take(this.name);
    if (survivors !== undefined) {
      this.#goOn(survivors.saved, survivors.saved?.counters);
      return this.#succession.adoption.begin(this.#hosts.pool, survivors.hosts);
    }
    const saved = this.#services.survival?.saved(this.name);
    this.#goOn(saved, saved?.whole ?? saved?.counters);
    if (maySleep(this.#hosts.pool.config, 0)) {
      return this.#sleep.beginWithout(this.#hosts.pool, saved?.earlier);
    }
    this.#succession.start.launch(this.#hosts.pool, initialWorkers(this.#hosts.pool.config));
  }

  /** The counts of the last master go on. @param whole where hosts that only finish cannot be asked */
  #goOn(saved: SavedPool | undefined, whole: SavedPool['counters'] | undefined): void {
    const leftovers = this.#services.survival?.leftovers(this.name, saved);
    const counters = (leftovers ?? []).length > 0 ? saved?.counters : whole;
    if (counters !== undefined) this.#counters.restore(counters);
    for (const leftover of leftovers ?? []) this.#counters.join(leftover);
  }

  /** Whether the serving host would be made the same way, on the same socket. */
  serves({ fingerprint, listener }: PreparedPool): boolean {
    const isSettled =
      (this.#hosts.serving !== undefined || this.#sleep.isAsleep) && this.#hosts.next === undefined;
    return (
      isSettled && fingerprint === this.#hosts.pool.fingerprint && listener === this.#hosts.pool.listener
    );
  }

  /** Starts a new generation with another (or the same) configuration beside the serving one. */
  reload(pool: PreparedPool): void {
    this.#succession.endings.discardNext();
    const { serving } = this.#hosts;
    const isProven = serving !== undefined && wantsProof(pool.config);
    if (!isProven && maySleep(pool.config, serving?.workers.size ?? 0)) {
      this.#succession.endings.retire();
      return this.#sleep.beginWithout(pool);
    }
    this.#sleep.end();
    const busy = serving === undefined ? 0 : this.#supervisor.staffing.activeWorkers(serving);
    this.#succession.start.launch(pool, workersForTakeOver(pool.config, busy));
  }

  /** Stops accepting and finishes requests. */
  finish(): void {
    this.#sleep.end();
    this.#succession.endings.finish();
  }

  /** Ends every host at once; running requests are lost. */
  terminate(): void {
    this.#sleep.end();
    this.#succession.endings.terminate();
  }

  /** Another master takes the pool over. */
  letGo(): void {
    const generations = this.generations();
    if (generations.length > 0) {
      const counters = this.#counters.save();
      const whole = this.#counters.saveWith(generations);
      this.#services.survival?.counted(this.name, () => ({ counters, earlier: this.#sleep.earlier, whole }));
    }
    this.#sleep.end();
    this.#succession.endings.letGo();
  }

  /**
   * Something of this pool failed, or its host is faulty: logs it, ends the host, and starts the next one by the rules
   * for a dead host. Never throws: other pools must not notice.
   *
   * @param doing the action
   * @param generation the host's generation
   */
  incident(doing: string, error: unknown, generation = this.#hosts.serving): void {
    try {
      const hasEnded = generation === undefined || isLeaving(generation);
      if (this.#notices.incident(doing, error, hasEnded)) this.#counters.faulted();
      if (generation !== undefined) this.#succession.endings.abandon(generation, reasonOf(error));
      this.#neverIdle(reasonOf(error));
    } catch (second) {
      this.#services.log.alert(`[pool ${this.name}] its host cannot be ended: ${reasonOf(second)}`);
      generation?.host.kill();
    }
  }

  /** A failure half-way leaves a pool that has a host, sleeps, or tries again. */
  #neverIdle(reason: string): void {
    const { serving, next, isStopped } = this.#hosts;
    const { failures } = this.#succession;
    const hasFuture = serving !== undefined || next !== undefined || failures.restart.isPlanned;
    if (hasFuture || isStopped || this.#sleep.isAsleep || !this.#services.isNormal()) return;
    failures.gaveUp(reason);
  }

  onHostEvent(generation: Generation, event: HostEvent): void {
    switch (event.type) {
      case 'message':
        // Discard messages received together with the excessive one.
        if (generation.host.isIgnored) return;
        return this.#messages.handle(generation, event.message);
      case 'chatter':
        return this.#voice.chatter(generation.host.pid, event.stream, event.text);
      case 'made':
        return this.#succession.start.made(generation);
      case 'unstarted':
        generation.failure = `cannot start the engine host: ${event.error.message}`;
        return;
      case 'fault':
        return this.incident('listening to its host', event.error, generation);
      case 'exit':
        return this.#succession.endings.exited(generation, event.code, event.signal);
      default:
        throw new Error(`no handler for the host event ${JSON.stringify(event satisfies never)}`);
    }
  }

  /** Looks whether its listening socket is still there, and has it again where it can be had. */
  checkSocket(): void {
    const { serving, pool } = this.#hosts;
    this.#notices.checkSocket(pool.listener, serving?.host.pid);
  }

  /** Once a second: numbers of workers. */
  heartbeat(): void {
    const { serving, pool } = this.#hosts;
    if (serving === undefined || !this.#services.isNormal()) return;
    this.checkSocket();
    const scoreboard = serving.reader.readNumbers();
    this.#supervisor.heartbeat(
      serving,
      scoreboard.slots,
      this.#queueFor(serving, scoreboard.header.queuedRequests),
    );
    const figures = publishFigures(serving, pool.listener, scoreboard);
    this.metrics.heartbeat(figures, pool.config['pm.max_children']);
    const { idleProcesses, activeProcesses, listenQueue } = figures;
    const isFull = activeProcesses > 0 && idleProcesses === 0 && listenQueue > 0;
    this.#supervisor.staffing.keepLane(serving, scoreboard.slots, isFull);
    // Not at the start itself: programs that read the log expect its exact lines.
    this.#notices.host(serving.facts, pool.command);
    this.#succession.trialHeartbeat();
    if (this.#hosts.next === undefined && this.#sleep.isDue(serving, pool.config)) this.#sleep.begin();
  }

  /** Measured only where it matters: other pools show it on their status page. */
  #queueFor({ pool }: Generation, queued: number): number {
    return pool.pm === 'auto' ? queued + (this.#hosts.pool.listener.queue()?.current ?? 0) : 0;
  }

  /** A connection waits. */
  wake(): void {
    this.#sleep.wake();
  }

  /** Once a second, even while the master stops: whether hosts answer and obey. */
  watchHosts(): void {
    const now = this.#services.now();
    for (const generation of this.generations()) {
      contain(this, 'watching its host', () => this.#watchHost(generation, now), generation);
    }
    this.#succession.endings.checkOrphans(now);
  }

  #watchHost(generation: Generation, now: number): void {
    const complaint = generation.watch.check(generation, now);
    if (complaint !== undefined) throw new ContractError(complaint);
    const lateBoot = this.#supervisor.checkBoots(generation);
    if (lateBoot !== undefined) this.#succession.bootFailed(generation, lateBoot);
  }

  /** Deadlines of requests, hosts and drains; called often, cheap when nothing is due. */
  checkDeadlines(): void {
    const now = this.#services.now();
    this.#succession.endings.checkOrphans(now);
    this.#succession.start.whenDue(now);
    if (this.#hosts.serving !== undefined) this.#supervisor.replaceDue(this.#hosts.serving);
    this.#succession.announcement.whenDue(now);
    for (const generation of this.generations()) {
      const check = (): void => {
        this.#supervisor.deadlines.check(generation);
        this.#succession.check(generation, now);
      };
      contain(this, 'checking deadlines', check, generation);
    }
  }

  /** The access log was reopened: passes it to every host. */
  passAccessLog(fd: number): void {
    for (const generation of this.generations()) {
      contain(this, 'passing its access log', () => generation.host.reopenAccessLog(fd), generation);
    }
  }
}

/** Its host was told to end, or has ended. */
function isLeaving({ host }: Generation): boolean {
  return host.state === hostStates.ending || host.state === hostStates.gone;
}
