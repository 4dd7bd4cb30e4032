/** The parts of a master, made from its options, and the facts that they share. */

import type { Configuration } from '../config/directives.ts';
import type { MasterServices } from '../generation/master-services.ts';
import type { PoolRunner } from '../generation/pool-runner.ts';
import { Sleepers } from '../generation/sleepers.ts';
import { hostPatience } from '../pool/obedience.ts';
import { Turns } from '../runtime/turns.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import { MasterAdmin } from '../watch/master-admin.ts';
import { ReloadJournal } from '../watch/reload-journal.ts';
import { EventQueue } from './event-queue.ts';
import { HostSurvival } from './host-survival.ts';
import { Intervals } from './intervals.ts';
import { MasterMemory } from './master-memory.ts';
import { MasterStage } from './master-stage.ts';
import { masterStates } from './master-states.ts';
import type { MasterEvent, MasterOptions, StartOutcome } from './master-types.ts';
import { OverloadLanes } from './overload-lane.ts';
import { poolReports } from './pool-events.ts';
import { PoolOrders } from './pool-orders.ts';
import { PoolSet } from './pool-set.ts';
import type { MasterEnd } from './predecessor.ts';
import { MasterResources } from './resources.ts';
import { MachineRoom } from './shared-room.ts';
import { SystemdMonitor } from './systemd-monitor.ts';
import { Templates } from './templates.ts';
import { Timers } from './timers.ts';

/** Time limit for requests after a failure of the master, unless configured. */
const failureDrainSeconds = 10;

export class MasterParts {
  readonly options: MasterOptions;
  readonly queue: EventQueue<MasterEvent>;
  readonly timers: Timers;
  readonly intervals: Intervals;
  /** The admin endpoint's view of this master; `admin.listen` is one endpoint. */
  readonly admin: MasterAdmin;
  readonly resources: MasterResources;
  readonly pools: PoolSet;
  readonly lanes: OverloadLanes;
  readonly systemd: SystemdMonitor;
  readonly templates: Templates;
  readonly sleepers = new Sleepers();
  readonly room = new MachineRoom();
  readonly survival: HostSurvival | undefined;
  readonly stage: MasterStage;
  readonly orders: PoolOrders;
  readonly memory: MasterMemory;
  readonly reloads = new ReloadJournal();
  /** In effect. */
  configuration: Configuration;
  generationNumber: number;
  /** Why the master ended by itself; undefined while it runs, and after an order to stop. */
  failure: Error | undefined;
  readonly started = Promise.withResolvers<StartOutcome>();
  readonly closed = Promise.withResolvers<MasterEnd>();
  /** The current or last planning and applying. */
  #underWay: Promise<void> = Promise.resolve();

  /** @param handle called with each event in order */
  constructor(options: MasterOptions, handle: (event: MasterEvent) => void) {
    const { log, env, predecessor } = options;
    this.options = options;
    this.configuration = options.configuration;
    this.queue = new EventQueue<MasterEvent>(handle);
    this.timers = new Timers(now, () => this.queue.enqueue({ type: 'deadlines' }));
    this.intervals = new Intervals({
      onHeartbeat: () => this.queue.enqueue({ type: 'heartbeat' }),
      onRequestCheck: () => this.queue.enqueue({ type: 'deadlines' }),
      onQueueCheck: () => this.queue.enqueue({ type: 'queues' }),
    });
    this.stage = new MasterStage(log);
    this.survival = this.#makeSurvival();
    const before = predecessor?.sockets ?? { placed: this.survival?.find() ?? [] };
    this.generationNumber = this.survival?.lastGeneration ?? 0;
    this.admin = this.#makeAdmin();
    this.templates = new Templates(log, env);
    this.pools = new PoolSet(this.#makeServices(), (runner) => poolReports(this.queue, runner), this.admin);
    this.orders = new PoolOrders(log, this.pools);
    const { survival, admin, orders } = this;
    this.memory = new MasterMemory({ log, survival, admin, journal: this.reloads, orders });
    if (predecessor === undefined) this.memory.restore();
    this.resources = new MasterResources(
      options,
      admin,
      this.pools.source,
      (pool) => admin.agentFacts(pool),
      before,
      (listener) => survival?.dropSocket(listener),
    );
    this.lanes = new OverloadLanes(log, this.pools.source, now);
    this.systemd = new SystemdMonitor(log, env, () => this.pools.sums());
  }

  get runners(): readonly PoolRunner[] {
    return this.pools.runners;
  }

  /** Work that is planned and applied in turns; the master's end waits for it. */
  async change(act: () => Promise<void>): Promise<void> {
    const change = act();
    this.#underWay = change;
    return await change;
  }

  /** Settles when nothing is being planned or applied, whatever came of it. */
  async changed(): Promise<void> {
    await this.#underWay.catch(() => {});
  }

  /** Turns of work that end when the master is told to stop. */
  turns(): Turns {
    return new Turns(() => (this.stage.isStopping ? `the master is ${this.stage.state}` : undefined));
  }

  /** Nothing happens by itself any more: no timer, no event. Idempotent. */
  stopActing(): void {
    this.stage.close();
    this.intervals.stop();
    this.lanes.close();
    this.systemd.stop();
    this.timers.close();
    this.queue.close();
    this.templates.close();
    this.sleepers.close();
  }

  #makeSurvival(): HostSurvival | undefined {
    const { log, env, survivalFolder: folder } = this.options;
    if (folder === undefined) return undefined;
    return new HostSurvival({
      folder,
      log,
      env,
      seconds: () => this.configuration.global.survive,
      processControlTimeout: () => this.#processControlTimeout(),
    });
  }

  #makeAdmin(): MasterAdmin {
    return new MasterAdmin({
      log: this.options.log,
      reloads: this.reloads,
      state: () => this.stage.shown,
      runners: () => this.runners,
      isDrained: (pool) => this.orders.isDrained(pool),
      hasWorker: (pool, pid) => this.pools.findWorker(pool, pid) !== undefined,
      configuration: () => this.configuration,
      enqueue: (event) => this.queue.enqueue(event),
      archive: this.options.archive,
    });
  }

  #makeServices(): MasterServices {
    const { log, env, patience } = this.options;
    return {
      log,
      env,
      now,
      nextGenerationNumber: () => {
        this.generationNumber += 1;
        return this.generationNumber;
      },
      runningWorkers: () => this.pools.workerCount,
      isNormal: () => !this.stage.isStopping,
      isReloading: () => this.stage.state === masterStates.reloading,
      processMax: () => this.configuration.global['process.max'],
      processControlTimeout: () => this.#processControlTimeout(),
      patience: patience ?? hostPatience,
      prepareStart: (pool, done) => this.templates.prepare(pool, done),
      sleepers: this.sleepers,
      room: this.room,
      survival: this.survival,
      startHost: (pool, descriptors, listener) => this.templates.startHost(pool, descriptors, listener),
      accessLog: (pool) => this.resources.accessLog(pool.config),
      wakeAt: (time) => this.timers.wakeAt(time),
      onSlowRequest: (request) => this.admin.addSlowRequest(request),
    };
  }

  /** Seconds. After a failure the time for hosts is always limited: nobody accepts until the next master. */
  #processControlTimeout(): number {
    const { process_control_timeout: seconds } = this.configuration.global;
    return this.failure === undefined || seconds > 0 ? seconds : failureDrainSeconds;
  }
}

/** Monotonic milliseconds. */
export function now(): number {
  return monotonicMicros() / 1000;
}
