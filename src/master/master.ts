/**
 * The master: owns the listening sockets, the pools and the logs; never on the data path.
 *
 * All events (signals, lines from hosts, timers) go into one queue and are handled in order.
 */

import type { Configuration } from '../config/directives.ts';
import type { AdminVerb } from '../figures/admin-source.ts';
import { contain } from '../generation/bulkhead.ts';
import type { MasterServices } from '../generation/master-services.ts';
import type { PoolOutcome } from '../generation/pool-reports.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import type { ReloadScope } from '../generation/prepared-pool.ts';
import { Sleepers } from '../generation/sleepers.ts';
import { type CrashTimes, noteCrash } from '../pool/emergency.ts';
import { hostPatience } from '../pool/obedience.ts';
import { MasterStartError } from '../runtime/start-error.ts';
import { Abandoned, Turns } from '../runtime/turns.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import { MasterAdmin } from '../watch/master-admin.ts';
import { ReloadJournal } from '../watch/reload-journal.ts';
import { EventQueue } from './event-queue.ts';
import { HostSurvival } from './host-survival.ts';
import { Intervals } from './intervals.ts';
import { MasterMemory } from './master-memory.ts';
import { MasterReload, type ReloadRequest } from './master-reload.ts';
import { MasterStage } from './master-stage.ts';
import { type MasterState, masterStates } from './master-states.ts';
import type { MasterEvent, MasterOptions, StartOutcome } from './master-types.ts';
import { MasterUpgrade } from './master-upgrade.ts';
import { OverloadLanes } from './overload-lane.ts';
import type { Plan } from './plan.ts';
import { poolReports } from './pool-events.ts';
import { PoolOrders } from './pool-orders.ts';
import { PoolSet } from './pool-set.ts';
import type { MasterEnd, Predecessor } from './predecessor.ts';
import { MasterResources, type SocketsBefore } from './resources.ts';
import { MachineRoom } from './shared-room.ts';
import type { MasterVerb } from './signals.ts';
import { SystemdMonitor } from './systemd-monitor.ts';
import { Templates } from './templates.ts';
import { Timers } from './timers.ts';

/** Time limit for requests after a failure of the master, unless configured. */
const failureDrainSeconds = 10;

export class Master {
  readonly #options: MasterOptions;
  readonly #queue = new EventQueue<MasterEvent>((event) => this.#handle(event));
  readonly #timers = new Timers(now, () => this.#queue.enqueue({ type: 'deadlines' }));
  readonly #intervals = new Intervals({
    onHeartbeat: () => this.#queue.enqueue({ type: 'heartbeat' }),
    onRequestCheck: () => this.#queue.enqueue({ type: 'deadlines' }),
    onQueueCheck: () => this.#queue.enqueue({ type: 'queues' }),
  });
  /** The admin endpoint's view of this master; `admin.listen` is one endpoint. */
  readonly admin: MasterAdmin;
  readonly #resources: MasterResources;
  readonly #pools: PoolSet;
  readonly #lanes: OverloadLanes;
  readonly #systemd: SystemdMonitor;
  readonly #templates: Templates;
  readonly #sleepers = new Sleepers();
  readonly #room = new MachineRoom();
  readonly #survival: HostSurvival | undefined;
  #configuration: Configuration;
  readonly #stage: MasterStage;
  readonly #reload: MasterReload;
  readonly #upgrade: MasterUpgrade;
  /** The master before this one is told that this one serves. */
  #isSucceeding = false;
  /** Logs were re-opened during an upgrade: the next master may have opened the files of before. */
  #hasReopened = false;
  readonly #orders: PoolOrders;
  readonly #memory: MasterMemory;
  readonly #reloads = new ReloadJournal();
  #crashes: CrashTimes = [];
  #generationNumber = 0;
  /** The current or last planning and applying. */
  #underWay: Promise<void> = Promise.resolve();
  #isEnding = false;
  readonly #started = Promise.withResolvers<StartOutcome>();
  #failure: Error | undefined;
  readonly #closed = Promise.withResolvers<MasterEnd>();

  constructor(options: MasterOptions) {
    this.#options = options;
    this.#configuration = options.configuration;
    this.#stage = new MasterStage(options.log);
    this.#survival =
      options.survivalFolder === undefined
        ? undefined
        : new HostSurvival({
            folder: options.survivalFolder,
            log: options.log,
            env: options.env,
            seconds: () => this.#configuration.global.survive,
          });
    const { predecessor } = options;
    const before = predecessor?.sockets ?? { placed: this.#survival?.find() ?? [] };
    this.#generationNumber = this.#survival?.lastGeneration ?? 0;
    this.admin = this.#makeAdmin();
    this.#templates = new Templates(options.log, options.env);
    this.#pools = new PoolSet(this.#makeServices(), (runner) => poolReports(this.#queue, runner), this.admin);
    this.#orders = new PoolOrders(options.log, this.#pools);
    this.#memory = new MasterMemory({
      log: options.log,
      survival: this.#survival,
      admin: this.admin,
      journal: this.#reloads,
      orders: this.#orders,
    });
    if (predecessor === undefined) this.#memory.restore();
    this.#resources = new MasterResources(
      options,
      this.admin,
      this.#pools.source,
      (pool) => this.admin.agentFacts(pool),
      before,
      (listener) => this.#survival?.dropSocket(listener),
    );
    this.#lanes = new OverloadLanes(options.log, this.#pools.source, now);
    this.#systemd = new SystemdMonitor(options.log, options.env, () => this.#pools.sums());
    this.#reload = new MasterReload(options, {
      stage: this.#stage,
      systemd: this.#systemd,
      resources: this.#resources,
      journal: this.#reloads,
      file: () => this.#configuration.file,
      turns: () => this.#turns(),
      checkSockets: () => {
        for (const runner of this.runners)
          contain(runner, 'looking at its socket', () => runner.checkSocket());
      },
      run: (act) => void this.#change(act).catch((error: unknown) => this.fail(error)),
      putInForce: (plan, scope, turns) => this.#putInForce(plan, scope, turns),
      settle: () => this.#settle(),
    });
    this.#upgrade = this.#makeUpgrade();
  }

  /** Settles when the master has stopped and everything that it made is gone. */
  get closed(): Promise<MasterEnd> {
    return this.#closed.promise;
  }

  get state(): MasterState {
    return this.#stage.state;
  }

  get runners(): readonly PoolRunner[] {
    return this.#pools.runners;
  }

  /**
   * Binds the sockets, writes the pid file and starts the pools. After a failure call {@link abandon}.
   *
   * @returns when every pool serves or was given up, or when a signal stopped the master earlier
   * @throws MasterStartError when a socket, a log or the pid file is unavailable, or no pool can run at all
   */
  async start(): Promise<StartOutcome> {
    this.#options.signals?.deliverTo((row) => this.#queue.enqueue({ type: 'signal', row }));
    this.#systemd.configure(this.#configuration.global);
    await this.#change(() => this.#startPools());
    return await this.#started.promise;
  }

  async #startPools(): Promise<void> {
    const turns = this.#turns();
    let plan: Plan;
    try {
      plan = await this.#resources.plan(this.#configuration, turns);
    } catch (error) {
      // The signal arrived while the sockets were being opened.
      if (error instanceof Abandoned) return;
      throw error;
    }
    const { predecessor } = this.#options;
    if (predecessor !== undefined) await this.#succeed(plan, predecessor);
    if (this.#stage.isStopping) return plan.discard();
    plan.commit();
    this.#options.log.bound();
    this.#options.log.notice(`fpm is running, pid ${process.pid}`);
    this.#intervals.start(this.#configuration);
    if ((await this.#putPoolsInForce(plan, 'all', turns)) === undefined) return;
    // Sockets of a predecessor that no pool uses.
    if (this.#stage.state === masterStates.starting) this.#resources.retain(this.runners);
    this.#settle();
  }

  /** Has the hosts of the master before. @throws MasterStartError, after which it has everything */
  async #succeed(plan: Plan, predecessor: Predecessor): Promise<void> {
    try {
      await predecessor.prepared();
      this.#survival?.succeed(predecessor.sockets.placed);
      this.#generationNumber = this.#survival?.lastGeneration ?? 0;
      this.#memory.restore();
    } catch (error) {
      plan.discard();
      throw new MasterStartError((error as Error).message);
    }
  }

  /** Work that is planned and applied in turns; the master's end waits for it. */
  async #change(act: () => Promise<void>): Promise<void> {
    const change = act();
    this.#underWay = change;
    return await change;
  }

  #turns(): Turns {
    return new Turns(() => (this.#stage.isStopping ? `the master is ${this.#stage.state}` : undefined));
  }

  /**
   * After a failed start: ends everything that was started; settles when nothing is left. While hosts run, the queue
   * has to stay open until they are gone.
   */
  async abandon(): Promise<void> {
    if (this.#pools.all.length === 0) {
      // Whatever outlived the last master waits for another one.
      this.#survival?.leave();
      this.#resources.leaveSurvivors();
      return this.#release();
    }
    this.#stop(masterStates.terminating, undefined);
    await this.closed;
  }

  /**
   * Executes the request of a signal in the table or a client.
   *
   * @param by the signal or the client
   * @param kept for a rollback: the number of the configuration
   */
  request(verb: MasterVerb | AdminVerb, by = 'the program', kept?: number): void {
    switch (verb) {
      case 'terminate':
        return this.#leave() ? undefined : this.#stop(masterStates.terminating, 'Terminating ...');
      case 'finish':
        return this.#leave() ? undefined : this.#stop(masterStates.finishing, 'Finishing ...');
      case 'reload':
        return this.#renew({ scope: 'all', by });
      case 'reloadChanged':
        return this.#renew({ scope: 'changed', by });
      case 'abortReload':
        return this.#pools.abortReload(by);
      case 'rollback':
        return this.#reload.request({ scope: 'all', by, rollback: { kept } }, 'Reloading in progress ...');
      case 'reopenLogs':
        this.#hasReopened ||= this.#stage.state === masterStates.upgrading;
        return this.#resources.reopenLogs(this.runners);
      default:
        throw new Error(`the master does not know the request ${JSON.stringify(verb satisfies never)}`);
    }
  }

  /**
   * A reload. As that of php-fpm, which executes its program again, it brings a new version into force: another program
   * on disk becomes the master first. Where it cannot, this one reloads.
   */
  #renew(asked: ReloadRequest): void {
    const isNormal = this.#stage.state === masterStates.normal && !this.#stage.isLeaving;
    if (isNormal && this.#options.isProgramReplaced?.() === true) {
      this.#options.log.notice(
        'the program on disk has been replaced: it becomes the master before the reload',
      );
      void this.#upgrade.request(undefined);
    }
    // During an upgrade it waits for the end of that.
    this.#reload.request(asked, 'Reloading in progress ...');
  }

  /**
   * An error in an event of one pool stays in that pool. Any other error concerns all: then the master ends, and its
   * hosts finish their requests.
   */
  #handle(event: MasterEvent): void {
    try {
      this.#act(event);
    } catch (error) {
      this.fail(error);
    }
  }

  #act(event: MasterEvent): void {
    switch (event.type) {
      case 'signal':
        this.#options.log.debug(`received ${event.row.signal}`);
        return this.request(event.row.verb, event.row.signal);
      case 'admin':
        this.#options.log.notice(`admin endpoint: ${event.verb} asked for by ${event.peer}`);
        if (isReload(event.verb) && this.#stage.state === masterStates.upgrading)
          return this.#reloads.impossible('an upgrade is under way: ask again when it is over');
        return this.request(event.verb, event.peer, event.kept);
      case 'upgrade':
        this.#options.log.notice(`admin endpoint: upgrade asked for by ${event.peer}`);
        return void this.#upgrade.request(event.program).then(event.done);
      case 'drain':
      case 'endWorker':
        this.#orders.handle(event);
        return this.#memory.save();
      case 'host':
      case 'later':
      case 'wake':
        return this.#pools.handle(event);
      case 'outcome':
        return this.#onOutcome(event.runner, event.outcome);
      case 'leave':
        return this.#stop(masterStates.finishing, 'Finishing ...');
      case 'heartbeat':
        this.#templates.watch(this.#options.patience ?? hostPatience, now());
        this.#pools.watchHosts();
        if (this.#stage.isStopping) return;
        this.#room.refresh(this.#pools.awake, this.#configuration.global['memory.budget'], now());
        this.#pools.heartbeat();
        if (this.#isObserved) this.admin.heartbeat();
        this.#memory.heartbeat(now());
        return;
      case 'deadlines':
        return this.#pools.checkDeadlines();
      case 'queues':
        return this.#stage.isStopping ? undefined : this.#lanes.check(this.runners);
      default:
        throw new Error(`no handler for the event ${JSON.stringify(event satisfies never)}`);
    }
  }

  /**
   * Something that concerns all pools failed. Running requests finish, within a limit, before the master ends and
   * another one is started; a second failure ends it at once.
   */
  fail(error: unknown): void {
    if (this.#failure !== undefined || this.#stage.isStopping) throw error;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    const { state } = this.#stage;
    // The master before is told, and goes on with the hosts.
    if (state === masterStates.starting && this.#options.predecessor !== undefined)
      return this.#started.reject(this.#failure);
    const isServing = ![masterStates.starting, masterStates.finishing, masterStates.terminating].some(
      (other) => other === state,
    );
    const survives = isServing && this.#survival?.isActive === true;
    this.#options.log.alert(
      `the master failed and ends, its hosts ${survives ? 'serve on' : 'finish what they run'}: ${this.#failure.message}`,
    );
    for (const place of (this.#failure.stack ?? '').split('\n').slice(1))
      this.#options.log.alert(place.trim());
    // Nothing is given back: the next master takes it over.
    if (survives) this.#closed.resolve(undefined);
    else this.#stop(masterStates.finishing, undefined);
  }

  /** Why the master ended by itself; undefined while it runs, and after an order to stop. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether anyone can read the records. */
  get #isObserved(): boolean {
    return this.#options.isObserved === true || this.#resources.isObservable;
  }

  #onOutcome(runner: PoolRunner, outcome: PoolOutcome): void {
    switch (outcome.type) {
      case 'serving':
      case 'asleep':
        // A pool that nothing waits for tells nothing about a reload that is still being planned.
        if (this.#pools.settle(runner)) this.#settle();
        return;
      case 'gaveUp':
        if (!this.#pools.settle(runner)) return;
        this.#reloads.poolFailed(runner.name, outcome.reason);
        return this.#settle();
      case 'crash':
        return this.#onCrash();
      case 'gone':
        this.#pools.remove(runner);
        if (this.#stage.isStopping && this.#pools.all.length === 0) this.#finishStop();
        return;
      default:
        throw new Error(`no handler for the outcome ${JSON.stringify(outcome satisfies never)}`);
    }
  }

  /** Once every pool has its outcome, the start or the reload is over. */
  #settle(): void {
    if (!this.#pools.isSettled || this.#stage.isStopping) return;
    if (this.#stage.state === masterStates.reloading) return this.#settleReload();
    // A pool that was given up tries again by itself: that is no second start of the master.
    if (this.#stage.state !== masterStates.starting) return;
    if (this.#options.predecessor !== undefined) return this.#settleSuccession(this.#options.predecessor);
    if (this.runners.every((runner) => runner.serving === undefined && !runner.isAsleep)) {
      this.#started.reject(new MasterStartError('no pool could be started'));
      return this.#stop(masterStates.terminating, undefined);
    }
    this.#begin();
  }

  #begin(): void {
    this.#memory.save();
    this.#survival?.releaseRest();
    this.#options.archive?.keep({ by: 'the start', why: 'start' });
    this.#announceReady();
    this.#started.resolve('serving');
    this.#stage.started();
    this.#reload.again();
  }

  /** The master before goes as soon as this one serves everything that it had served. */
  #settleSuccession(predecessor: Predecessor): void {
    const failed = this.runners.filter((runner) => predecessor.serves.has(runner.name) && !isServed(runner));
    const [first] = failed;
    if (first !== undefined) {
      const reason = `pool ${first.name}: ${first.failure ?? 'no host serves it'}`;
      return this.#started.reject(new MasterStartError(reason));
    }
    if (this.#isSucceeding) return;
    this.#isSucceeding = true;
    const begin = (): void => {
      if (!this.#stage.isStopping) this.#begin();
    };
    void this.#change(() => predecessor.serving().then(begin)).catch((error: unknown) => this.fail(error));
  }

  #settleReload(): void {
    this.#reloads.inForce();
    this.#memory.save();
    this.#resources.retain(this.runners);
    this.#options.log.notice(`fpm is running, pid ${process.pid}`);
    this.#announceReady();
    this.#reload.end();
  }

  /** Applies a reload's plan; everything it opens exists already. */
  async #putInForce(plan: Plan, scope: ReloadScope, turns: Turns): Promise<readonly string[] | undefined> {
    this.#configuration = plan.configuration;
    this.#systemd.configure(plan.configuration.global);
    this.#intervals.start(plan.configuration);
    this.#templates.renew(scope);
    return await this.#putPoolsInForce(plan, scope, turns);
  }

  /**
   * Pool by pool, since each starts or continues by itself. The master may be told to stop in between: then the
   * remaining pools stay unchanged, or never start.
   *
   * @returns names of the pools left alone; undefined if the master was told to stop
   */
  async #putPoolsInForce(
    plan: Plan,
    scope: ReloadScope,
    turns: Turns,
  ): Promise<readonly string[] | undefined> {
    try {
      return await turns.run(this.#pools.putInForce(plan.pools, scope));
    } catch (error) {
      if (error instanceof Abandoned) return undefined;
      throw error;
    }
  }

  #announceReady(): void {
    this.#options.log.notice('ready to handle connections');
    this.#systemd.ready();
    this.#survival?.ready();
  }

  /**
   * With `shutdown.delay` the first order to stop takes effect later: load balancers see `/readyz` fail and move on
   * meanwhile.
   *
   * @returns false to stop now
   */
  #leave(): boolean {
    const { 'shutdown.delay': seconds } = this.#configuration.global;
    if (!this.#stage.leave(seconds, () => this.#queue.enqueue({ type: 'leave' }))) return false;
    this.#options.log.notice(`Leaving: accepting for ${seconds} more seconds, not ready any more`);
    this.#systemd.stopping();
    this.#reloads.impossible('the master is leaving');
    return true;
  }

  #stop(state: MasterState, notice: string | undefined): void {
    // As in php-fpm the line reports the signal, even if it has no effect any more.
    if (notice !== undefined) this.#options.log.notice(notice);
    if (this.#stage.refuses(state)) return;
    this.#upgrade.cancel();
    this.#stage.moveTo(state);
    this.#reloads.impossible(`the master is ${state}`);
    this.#systemd.stopping();
    this.#resources.closeStatusPages();
    if (this.#pools.all.length === 0) return this.#finishStop();
    for (const runner of this.#pools.all) {
      const end = (): void => (state === masterStates.terminating ? runner.terminate() : runner.finish());
      contain(runner, 'stopping', end);
    }
  }

  /** A plan in progress first gives back what it opened. */
  #finishStop(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    void this.#underWay
      .catch(() => {})
      .then(() => this.#survival?.endKeeper())
      .then(() => this.#end());
  }

  #end(): void {
    this.#options.log.notice('exiting, bye-bye!');
    try {
      this.#release();
    } finally {
      // Waiters for the end must not wait for ever: the process would end without a word.
      this.#started.resolve('stopped');
      this.#closed.resolve(undefined);
    }
  }

  /** Frees everything that the master made; idempotent. */
  #release(): void {
    this.#stopActing();
    this.#survival?.close();
    this.#resources.release();
  }

  #stopActing(): void {
    this.#stage.close();
    this.#intervals.stop();
    this.#lanes.close();
    this.#systemd.stop();
    this.#timers.close();
    this.#queue.close();
    this.#templates.close();
    this.#sleepers.close();
  }

  /** Another master goes on with hosts and sockets. Signals are kept for whoever that is. */
  #letGo(): SocketsBefore {
    this.#options.signals?.hold();
    const askAgain = this.#reloads.replaced();
    if (this.#reload.pending === 'all' && !askAgain) this.#options.signals?.keep('SIGUSR2');
    this.#memory.saveAll();
    this.#pools.letGo();
    this.#stopActing();
    this.#survival?.letGo();
    return this.#resources.letGo();
  }

  /** The next master is process `pid`: what came during the upgrade is for it. */
  #passOn(pid: number): void {
    this.#systemd.replacedBy(pid);
    const rows = this.#options.signals?.take() ?? [];
    const signals = new Set(rows.map(({ signal }) => signal));
    if (this.#hasReopened) signals.add('SIGUSR1');
    for (const signal of signals) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended: its supervisor starts the next one.
      }
    }
  }

  #makeUpgrade(): MasterUpgrade {
    const { log, startSuccessor } = this.#options;
    return new MasterUpgrade({
      log,
      stage: this.#stage,
      start: startSuccessor,
      surviveMs: () => (this.#survival?.isActive === true ? this.#configuration.global.survive * 1000 : 0),
      sockets: () => this.#resources.sockets,
      serves: () => this.runners.filter(isServed).map(({ name }) => name),
      letGo: () => this.#letGo(),
      passOn: (pid) => this.#passOn(pid),
      goOn: () => this.#reload.again(),
      end: (end) => this.#closed.resolve(end),
      takesBack: (sockets, done) => ({
        type: 'takesBack',
        configuration: this.#configuration,
        sockets,
        done,
      }),
    });
  }

  #onCrash(): void {
    const decision = noteCrash(this.#configuration.global, this.#crashes, now());
    this.#crashes = decision.crashes;
    if (decision.reload === undefined) return;
    this.#options.log.write(decision.reload.level, decision.reload.text);
    this.#reload.request({ scope: 'all', by: 'emergency_restart_threshold' });
  }

  #makeAdmin(): MasterAdmin {
    return new MasterAdmin({
      log: this.#options.log,
      reloads: this.#reloads,
      state: () => this.#stage.shown,
      runners: () => this.runners,
      isDrained: (pool) => this.#orders.isDrained(pool),
      hasWorker: (pool, pid) => this.#pools.findWorker(pool, pid) !== undefined,
      configuration: () => this.#configuration,
      enqueue: (event) => this.#queue.enqueue(event),
      archive: this.#options.archive,
    });
  }

  /** Seconds. After a failure the time for hosts is always limited: nobody accepts until the next master. */
  #processControlTimeout(): number {
    const { process_control_timeout: seconds } = this.#configuration.global;
    return this.#failure === undefined || seconds > 0 ? seconds : failureDrainSeconds;
  }

  #makeServices(): MasterServices {
    const { log, env } = this.#options;
    return {
      log,
      env,
      now,
      nextGenerationNumber: () => ++this.#generationNumber,
      runningWorkers: () => this.#pools.workerCount,
      isNormal: () => !this.#stage.isStopping,
      isReloading: () => this.#stage.state === masterStates.reloading,
      processMax: () => this.#configuration.global['process.max'],
      processControlTimeout: () => this.#processControlTimeout(),
      patience: this.#options.patience ?? hostPatience,
      prepareStart: (pool, done) => this.#templates.prepare(pool, done),
      sleepers: this.#sleepers,
      room: this.#room,
      survival: this.#survival,
      startHost: (pool, descriptors, listener) => this.#templates.startHost(pool, descriptors, listener),
      accessLog: (pool) => this.#resources.accessLog(pool.config),
      wakeAt: (time) => this.#timers.wakeAt(time),
      onSlowRequest: (request) => this.admin.addSlowRequest(request),
    };
  }
}

function isServed(runner: PoolRunner): boolean {
  return runner.serving !== undefined || runner.isAsleep;
}

function isReload(verb: AdminVerb): boolean {
  return verb === 'reload' || verb === 'reloadChanged' || verb === 'rollback';
}

/** Monotonic milliseconds. */
function now(): number {
  return monotonicMicros() / 1000;
}
