/**
 * The master: owns the listening sockets, the pools and the logs; never on the data path.
 *
 * Everything that happens (a signal, a line from a host, a timer) is put into one queue and handled in order.
 */

import type { Configuration } from '../config/directives.ts';
import type { PhpIniSource } from '../engine/host-settings.ts';
import { type CrashTimes, noteCrash } from '../pool/emergency.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import { Beats } from './beats.ts';
import { EventQueue } from './event-queue.ts';
import type { Generation } from './generation.ts';
import type { HostEvent } from './host-process.ts';
import { canMove, type MasterState, masterStates } from './master-states.ts';
import type { PoolContext, PoolOutcome, PreparedPool } from './pool-context.ts';
import type { PoolRunner } from './pool-runner.ts';
import { PoolSet } from './pool-set.ts';
import { MasterResources, type ResourceOptions } from './resources.ts';
import { installSignals, type MasterVerb, type SignalRow } from './signals.ts';
import { MasterStartError } from './start-error.ts';
import { SystemdMonitor } from './systemd-monitor.ts';
import { Timers } from './timers.ts';

export interface MasterOptions extends ResourceOptions {
  readonly configuration: Configuration;
  readonly php: PhpIniSource;
  /** Reads the configuration again for a reload; logs what is wrong with it and returns undefined then. */
  readonly reloadConfiguration: () => Configuration | undefined;
  /** Called when a reload puts a configuration in force: the settings of the process itself, the log first. */
  readonly onInForce?: (configuration: Configuration) => void;
  /** Whether signals of this process are the master's. */
  readonly handleSignals: boolean;
}

type MasterEvent =
  | { readonly type: 'signal'; readonly row: SignalRow }
  | {
      readonly type: 'host';
      readonly runner: PoolRunner;
      readonly generation: Generation;
      readonly event: HostEvent;
    }
  | { readonly type: 'outcome'; readonly outcome: PoolOutcome }
  | { readonly type: 'heartbeat' }
  | { readonly type: 'deadlines' };

/** How a start ended that did not fail. */
export type StartOutcome = 'serving' | 'stopped';

export class Master {
  readonly #options: MasterOptions;
  readonly #queue = new EventQueue<MasterEvent>((event) => this.#handle(event));
  readonly #timers = new Timers(now, () => this.#queue.enqueue({ type: 'deadlines' }));
  readonly #beats = new Beats({
    onHeartbeat: () => this.#queue.enqueue({ type: 'heartbeat' }),
    onRequestCheck: () => this.#queue.enqueue({ type: 'deadlines' }),
  });
  readonly #resources: MasterResources;
  readonly #pools: PoolSet;
  readonly #systemd: SystemdMonitor;
  #configuration: Configuration;
  #state: MasterState = masterStates.starting;
  #reloadAgain = false;
  #crashes: CrashTimes = [];
  #generationNumber = 0;
  #removeSignals: () => void = () => {};
  readonly #started = Promise.withResolvers<StartOutcome>();
  readonly #closed = Promise.withResolvers<void>();

  constructor(options: MasterOptions) {
    this.#options = options;
    this.#configuration = options.configuration;
    this.#resources = new MasterResources(options);
    this.#pools = new PoolSet(this.#makeContext());
    this.#systemd = new SystemdMonitor(options.log, options.env, () => this.#pools.sums());
  }

  /** Settles when the master has stopped and everything that it made is gone. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get state(): MasterState {
    return this.#state;
  }

  get runners(): readonly PoolRunner[] {
    return this.#pools.runners;
  }

  /**
   * Binds the sockets, writes the pid file and starts the pools.
   *
   * @returns when every pool serves or has been given up, or when a signal stopped the master before
   * @throws MasterStartError when a socket, a log or the pid file cannot be had, or no pool can run at all
   */
  async start(): Promise<StartOutcome> {
    if (this.#options.handleSignals) {
      this.#removeSignals = installSignals((row) => this.#queue.enqueue({ type: 'signal', row }));
    }
    try {
      this.#systemd.configure(this.#configuration.global);
      const pools = await this.#resources.prepare(this.#configuration, this.#pools.source);
      if (this.#isStopping) return this.#stopBeforeStart();
      this.#options.log.bound();
      this.#options.log.notice(`fpm is running, pid ${process.pid}`);
      this.#pools.putInForce(pools);
      // Sockets of a predecessor that no pool asked for.
      this.#resources.retain(this.runners);
    } catch (error) {
      this.#release();
      throw error;
    }
    this.#beats.start(this.#configuration);
    return await this.#started.promise;
  }

  /** The signal came while the sockets were being made: what it gave back then has been taken again since. */
  #stopBeforeStart(): StartOutcome {
    this.#release();
    return 'stopped';
  }

  /** After a failed start: ends what was started; settles when nothing is left. */
  abandon(): Promise<void> {
    if (this.#pools.all.length === 0) {
      this.#release();
      return Promise.resolve();
    }
    this.#stop(masterStates.terminating, undefined);
    return this.closed;
  }

  /** Does what a signal of the table asks for. */
  request(verb: MasterVerb): void {
    switch (verb) {
      case 'terminate':
        return this.#stop(masterStates.terminating, 'Terminating ...');
      case 'finish':
        return this.#stop(masterStates.finishing, 'Finishing ...');
      case 'reload':
        return this.#requestReload();
      case 'reopenLogs':
        return this.#resources.reopenLogs(this.runners);
      default:
        throw new Error(`the master does not know the request ${JSON.stringify(verb satisfies never)}`);
    }
  }

  #handle(event: MasterEvent): void {
    switch (event.type) {
      case 'signal':
        this.#options.log.debug(`received ${event.row.signal}`);
        return this.request(event.row.verb);
      case 'host':
        return event.runner.onHostEvent(event.generation, event.event);
      case 'outcome':
        return this.#onOutcome(event.outcome);
      case 'heartbeat':
        if (this.#isStopping) return;
        for (const runner of this.runners) runner.heartbeat();
        return;
      case 'deadlines':
        for (const runner of this.#pools.all) runner.checkDeadlines();
        return;
      default:
        throw new Error(`no handler for the event ${JSON.stringify(event satisfies never)}`);
    }
  }

  #onOutcome(outcome: PoolOutcome): void {
    switch (outcome.type) {
      case 'serving':
      case 'gaveUp':
        this.#pools.settle(outcome.runner);
        return this.#settle();
      case 'crash':
        return this.#onCrash();
      case 'gone':
        this.#pools.remove(outcome.runner);
        if (this.#isStopping && this.#pools.all.length === 0) this.#finishStop();
        return;
      default:
        throw new Error(`no handler for the outcome ${JSON.stringify(outcome satisfies never)}`);
    }
  }

  get #isStopping(): boolean {
    return this.#state === masterStates.finishing || this.#state === masterStates.terminating;
  }

  /** Once every pool has its outcome, the start or the reload is over. */
  #settle(): void {
    if (!this.#pools.isSettled || this.#isStopping) return;
    if (this.#state === masterStates.reloading) return this.#settleReload();
    // A pool that was given up tries again by itself: that is no second start of the master.
    if (this.#state !== masterStates.starting) return;
    if (this.runners.every((runner) => runner.serving === undefined)) {
      this.#started.reject(new MasterStartError('no pool could be started'));
      return this.#stop(masterStates.terminating, undefined);
    }
    this.#announceReady();
    this.#started.resolve('serving');
    this.#state = masterStates.normal;
    this.#reloadIfAsked();
  }

  #settleReload(): void {
    this.#resources.retain(this.runners);
    this.#options.log.notice(`fpm is running, pid ${process.pid}`);
    this.#announceReady();
    this.#endReload();
  }

  #endReload(): void {
    this.#moveTo(masterStates.normal);
    this.#reloadIfAsked();
  }

  #reloadIfAsked(): void {
    if (!this.#reloadAgain) return;
    this.#reloadAgain = false;
    this.#requestReload();
  }

  #announceReady(): void {
    this.#options.log.notice('ready to handle connections');
    this.#systemd.ready();
  }

  #requestReload(): void {
    if (this.#state === masterStates.reloading || this.#state === masterStates.starting) {
      // One more reload after what is under way puts the latest file in force, however often it was asked for.
      this.#reloadAgain = true;
      return;
    }
    if (this.#refusesMove(masterStates.reloading)) return;
    this.#options.log.notice('Reloading in progress ...');
    this.#moveTo(masterStates.reloading);
    this.#systemd.reloading();
    void this.#reload();
  }

  async #reload(): Promise<void> {
    const configuration = this.#readAgain();
    const pools = configuration === undefined ? undefined : await this.#prepareReload(configuration);
    // A master that has stopped meanwhile gave back its sockets before the last of these was opened.
    if (this.#isStopping) return this.#pools.all.length === 0 ? this.#release() : undefined;
    if (configuration === undefined || pools === undefined) {
      this.#options.log.error('reload refused: the running configuration stays in force');
      this.#systemd.reloadRefused();
      return this.#endReload();
    }
    this.#configuration = configuration;
    this.#options.onInForce?.(configuration);
    this.#systemd.configure(configuration.global);
    this.#beats.start(configuration);
    this.#pools.putInForce(pools);
  }

  #readAgain(): Configuration | undefined {
    try {
      return this.#options.reloadConfiguration();
    } catch (error) {
      this.#options.log.sysError('cannot read the configuration', error);
      return undefined;
    }
  }

  /** @returns undefined when a socket, a log or an engine of the new configuration cannot be had */
  async #prepareReload(configuration: Configuration): Promise<PreparedPool[] | undefined> {
    const { log } = this.#options;
    log.notice(`reloading: starting ${configuration.pools.length} pool(s) anew from ${configuration.file}`);
    try {
      return await this.#resources.prepare(configuration, this.#pools.source);
    } catch (error) {
      // What is expected has been logged; whatever else it is, the pools that run must not pay for it.
      if (!(error instanceof MasterStartError)) log.sysError('cannot reload', error);
      this.#resources.retain(this.runners);
      return undefined;
    }
  }

  #stop(state: MasterState, notice: string | undefined): void {
    if (this.#refusesMove(state)) return;
    if (notice !== undefined) this.#options.log.notice(notice);
    this.#moveTo(state);
    this.#systemd.stopping();
    this.#resources.closeStatusPages();
    if (this.#pools.all.length === 0) return this.#finishStop();
    for (const runner of this.#pools.all) {
      if (state === masterStates.terminating) runner.terminate();
      else runner.finish();
    }
  }

  #refusesMove(to: MasterState): boolean {
    if (canMove(this.#state, to)) return false;
    const text = `not switching to '${to}' state, because already in '${this.#state}' state`;
    this.#options.log.debug(text);
    return true;
  }

  #moveTo(state: MasterState): void {
    this.#options.log.debug(`switching to '${state}' state`);
    this.#state = state;
  }

  #finishStop(): void {
    this.#options.log.notice('exiting, bye-bye!');
    this.#release();
    this.#started.resolve('stopped');
    this.#closed.resolve();
  }

  /** Gives back everything that the master made; harmless when called twice. */
  #release(): void {
    this.#beats.stop();
    this.#systemd.stop();
    this.#timers.close();
    this.#queue.close();
    this.#removeSignals();
    this.#resources.release();
  }

  #onCrash(): void {
    const decision = noteCrash(this.#configuration.global, this.#crashes, now());
    this.#crashes = decision.crashes;
    if (decision.reload === undefined) return;
    this.#options.log.write(decision.reload.level, decision.reload.text);
    this.#requestReload();
  }

  #makeContext(): PoolContext {
    const { log, env, php } = this.#options;
    return {
      log,
      env,
      php: () => php,
      now,
      nextGenerationNumber: () => ++this.#generationNumber,
      runningWorkers: () => this.#pools.workerCount,
      isNormal: () => !this.#isStopping,
      processMax: () => this.#configuration.global['process.max'],
      processControlTimeout: () => this.#configuration.global.process_control_timeout,
      accessLog: (pool) => this.#resources.openAccessLog(pool),
      enqueueHostEvent: (runner, generation, event) =>
        this.#queue.enqueue({ type: 'host', runner, generation, event }),
      wakeAt: (time) => this.#timers.wakeAt(time),
      onOutcome: (outcome) => this.#queue.enqueue({ type: 'outcome', outcome }),
    };
  }
}

/** Monotonic milliseconds. */
function now(): number {
  return monotonicMicros() / 1000;
}
