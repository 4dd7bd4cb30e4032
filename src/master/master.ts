/**
 * The master: owns the listening sockets, the pools and the logs; never on the data path.
 *
 * All events (signals, lines from hosts, timers) go into one queue and are handled in order.
 */

import type { AdminVerb } from '../figures/admin-source.ts';
import { contain } from '../generation/bulkhead.ts';
import type { PoolOutcome } from '../generation/pool-reports.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import { type CrashTimes, noteCrash } from '../pool/emergency.ts';
import { hostPatience } from '../pool/obedience.ts';
import type { MasterAdmin } from '../watch/master-admin.ts';
import { applyPlan } from './apply-plan.ts';
import { MasterEnding } from './master-ending.ts';
import { MasterHandOver } from './master-hand-over.ts';
import { MasterParts, now } from './master-parts.ts';
import { MasterReload, type ReloadRequest } from './master-reload.ts';
import { MasterStart } from './master-start.ts';
import { type MasterState, masterStates } from './master-states.ts';
import type { MasterEvent, MasterOptions, StartOutcome } from './master-types.ts';
import type { MasterEnd } from './predecessor.ts';
import type { MasterVerb } from './signals.ts';

export class Master {
  readonly #options: MasterOptions;
  readonly #parts: MasterParts;
  readonly #start: MasterStart;
  readonly #reload: MasterReload;
  readonly #handOver: MasterHandOver;
  readonly #ending: MasterEnding;
  #crashes: CrashTimes = [];

  constructor(options: MasterOptions) {
    this.#options = options;
    this.#parts = new MasterParts(options, (event) => this.#handle(event));
    this.#start = new MasterStart(this.#parts, {
      terminate: () => this.#ending.stop(masterStates.terminating, undefined),
      goOn: () => this.#reload.again(),
      fail: (error) => this.fail(error),
    });
    this.#reload = this.#makeReload();
    this.#handOver = new MasterHandOver(this.#parts, this.#reload);
    this.#ending = new MasterEnding(this.#parts, () => this.#handOver.upgrade.cancel());
  }

  #makeReload(): MasterReload {
    const parts = this.#parts;
    return new MasterReload(this.#options, {
      stage: parts.stage,
      systemd: parts.systemd,
      resources: parts.resources,
      journal: parts.reloads,
      file: () => parts.configuration.file,
      turns: () => parts.turns(),
      checkSockets: () => {
        for (const runner of this.runners)
          contain(runner, 'looking at its socket', () => runner.checkSocket());
      },
      run: (act) => void parts.change(act).catch((error: unknown) => this.fail(error)),
      putInForce: (plan, scope, turns) => applyPlan(parts, plan, scope, turns),
      settle: () => this.#settle(),
    });
  }

  /** The admin endpoint's view of this master; `admin.listen` is one endpoint. */
  get admin(): MasterAdmin {
    return this.#parts.admin;
  }

  /** Settles when the master has stopped and everything that it made is gone. */
  get closed(): Promise<MasterEnd> {
    return this.#parts.closed.promise;
  }

  get state(): MasterState {
    return this.#parts.stage.state;
  }

  get runners(): readonly PoolRunner[] {
    return this.#parts.runners;
  }

  /** Why the master ended by itself; undefined while it runs, and after an order to stop. */
  get failure(): Error | undefined {
    return this.#parts.failure;
  }

  /**
   * Binds the sockets, writes the pid file and starts the pools. After a failure call {@link abandon}.
   *
   * @returns when every pool serves or was given up, or when a signal stopped the master earlier
   * @throws MasterStartError when a socket, a log or the pid file is unavailable, or no pool can run at all
   */
  async start(): Promise<StartOutcome> {
    const { queue, systemd, configuration, started } = this.#parts;
    this.#options.signals?.deliverTo((row) => queue.enqueue({ type: 'signal', row }));
    systemd.configure(configuration.global);
    await this.#parts.change(async () => {
      if (await this.#start.run()) this.#settle();
    });
    return await started.promise;
  }

  /** After a failed start: ends everything that was started; settles when nothing is left. */
  async abandon(): Promise<void> {
    await this.#ending.abandon();
  }

  /**
   * Something that concerns all pools failed. Running requests finish, within a limit, before the master ends and
   * another one is started; a second failure ends it at once.
   */
  fail(error: unknown): void {
    this.#ending.fail(error);
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
        return this.#ending.order(masterStates.terminating, 'Terminating ...');
      case 'finish':
        return this.#ending.order(masterStates.finishing, 'Finishing ...');
      case 'reload':
        return this.#renew({ scope: 'all', by });
      case 'reloadChanged':
        return this.#renew({ scope: 'changed', by });
      case 'abortReload':
        return this.#parts.pools.abortReload(by);
      case 'rollback':
        return this.#reload.request({ scope: 'all', by, rollback: { kept } }, 'Reloading in progress ...');
      case 'reopenLogs':
        this.#handOver.reopened();
        return this.#parts.resources.reopenLogs(this.runners);
      default:
        throw new Error(`the master does not know the request ${JSON.stringify(verb satisfies never)}`);
    }
  }

  /**
   * A reload. As that of php-fpm, which executes its program again, it brings a new version into force: another program
   * on disk becomes the master first. Where it cannot, this one reloads.
   */
  #renew(asked: ReloadRequest): void {
    const { stage } = this.#parts;
    const isNormal = stage.state === masterStates.normal && !stage.isLeaving;
    if (isNormal && this.#options.isProgramReplaced?.() === true) {
      this.#options.log.notice(
        'the program on disk has been replaced: it becomes the master before the reload',
      );
      void this.#handOver.upgrade.request(undefined);
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
    const { stage, reloads, orders, memory, pools, lanes } = this.#parts;
    switch (event.type) {
      case 'signal':
        this.#options.log.debug(`received ${event.row.signal}`);
        return this.request(event.row.verb, event.row.signal);
      case 'admin':
        this.#options.log.notice(`admin endpoint: ${event.verb} asked for by ${event.peer}`);
        if (isReload(event.verb) && stage.state === masterStates.upgrading)
          return reloads.impossible('an upgrade is under way: ask again when it is over');
        return this.request(event.verb, event.peer, event.kept);
      case 'upgrade':
        this.#options.log.notice(`admin endpoint: upgrade asked for by ${event.peer}`);
        return void this.#handOver.upgrade.request(event.program).then(event.done);
      case 'drain':
      case 'endWorker':
        orders.handle(event);
        return memory.save();
      case 'host':
      case 'later':
      case 'wake':
        return pools.handle(event);
      case 'outcome':
        return this.#onOutcome(event.runner, event.outcome);
      case 'leave':
        return this.#ending.stop(masterStates.finishing, 'Finishing ...');
      case 'heartbeat':
        return this.#heartbeat();
      case 'deadlines':
        return pools.checkDeadlines();
      case 'queues':
        return stage.isStopping ? undefined : lanes.check(this.runners);
      default:
        throw new Error(`no handler for the event ${JSON.stringify(event satisfies never)}`);
    }
  }

  /** Once a second. */
  #heartbeat(): void {
    const { templates, pools, stage, room, configuration, admin, memory } = this.#parts;
    templates.watch(this.#options.patience ?? hostPatience, now());
    pools.watchHosts();
    if (stage.isStopping) return;
    room.refresh(pools.awake, configuration.global['memory.budget'], now());
    pools.heartbeat();
    if (this.#isObserved) admin.heartbeat();
    memory.heartbeat(now());
  }

  /** Whether anyone can read the records. */
  get #isObserved(): boolean {
    return this.#options.isObserved === true || this.#parts.resources.isObservable;
  }

  #onOutcome(runner: PoolRunner, outcome: PoolOutcome): void {
    const { pools, reloads, stage } = this.#parts;
    switch (outcome.type) {
      case 'serving':
      case 'asleep':
        // A pool that nothing waits for tells nothing about a reload that is still being planned.
        if (pools.settle(runner)) return this.#settle();
        return stage.state === masterStates.normal ? this.#start.releaseRest() : undefined;
      case 'gaveUp':
        if (!pools.settle(runner)) return;
        reloads.poolFailed(runner.name, outcome.reason);
        return this.#settle();
      case 'crash':
        return this.#onCrash();
      case 'gone':
        pools.remove(runner);
        if (stage.isStopping && pools.all.length === 0) this.#ending.finishStop();
        return;
      default:
        throw new Error(`no handler for the outcome ${JSON.stringify(outcome satisfies never)}`);
    }
  }

  /** Once every pool has its outcome, the start or the reload is over. */
  #settle(): void {
    const { pools, stage } = this.#parts;
    if (!pools.isSettled || stage.isStopping) return;
    if (stage.state === masterStates.reloading) return this.#settleReload();
    // A pool that was given up tries again by itself: that is no second start of the master.
    if (stage.state === masterStates.starting) this.#start.settle();
  }

  #settleReload(): void {
    const { reloads, memory, resources } = this.#parts;
    reloads.inForce();
    memory.save();
    this.#start.releaseRest();
    resources.retain(this.runners);
    this.#options.log.notice(`fpm is running, pid ${process.pid}`);
    this.#start.announceReady();
    this.#reload.end();
  }

  #onCrash(): void {
    const decision = noteCrash(this.#parts.configuration.global, this.#crashes, now());
    this.#crashes = decision.crashes;
    if (decision.reload === undefined) return;
    this.#options.log.write(decision.reload.level, decision.reload.text);
    this.#reload.request({ scope: 'all', by: 'emergency_restart_threshold' });
  }
}

function isReload(verb: AdminVerb): boolean {
  return verb === 'reload' || verb === 'reloadChanged' || verb === 'rollback';
}
