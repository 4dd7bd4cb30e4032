/** The number of a pool's workers: executes the process manager's decisions, and makes and ends the lane's. */

import type { EndMode } from '../engine/contract.ts';
import type { AutoDecision } from '../pool/auto-sizing.ts';
import { wantedInLane } from '../pool/lane.ts';
import type { ManagedWorker, ManagerEvent, ManagerInput } from '../pool/management.ts';
import { decide } from '../pool/manager.ts';
import type { AutoClaim } from '../pool/memory-shares.ts';
import { slotForNext } from '../pool/ondemand.ts';
import { firstLaneSlot, idleOthers, isManagedSlot, slotForOther } from '../pool/worker-mode.ts';
import { observeWorker, workerStates } from '../pool/worker-states.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import type { SlotSnapshot } from '../scoreboard/decode.ts';
import type { WorkerStage } from '../scoreboard/states.ts';
import { AutoSizer } from './auto-sizer.ts';
import type { Generation } from './generation.ts';
import type { MasterServices } from './master-services.ts';

/** A worker in one of these stages has no request. */
const restingStages: readonly WorkerStage[] = ['idle', 'creating', 'booting'];

export class WorkerStaffing {
  readonly #services: MasterServices;
  readonly #pool: string;
  readonly #sizer: AutoSizer;

  constructor(pool: string, services: MasterServices) {
    this.#pool = pool;
    this.#services = services;
    this.#sizer = new AutoSizer(pool);
  }

  /** First workers of a generation; at least the number needed to take over. */
  start(generation: Generation): void {
    this.manage(generation, { type: 'start' });
    const missing = generation.wantedAtTakeOver - generation.workers.size;
    if (missing > 0) this.manage(generation, { type: 'replace', count: missing });
    generation.wantedAtTakeOver = Math.min(generation.wantedAtTakeOver, generation.workers.size);
  }

  /** An adopted generation may lack workers that ended while there was no master, where their number is fixed. */
  fill(generation: Generation): void {
    const { pool, workers } = generation;
    const managed = workers.all().filter(({ slot }) => isManagedSlot(pool, slot)).length;
    const missing = pool.pm === 'static' ? pool['pm.max_children'] - managed : 0;
    if (missing > 0) this.manage(generation, { type: 'replace', count: missing });
  }

  /** With `pm = auto`: the number of workers and why; undefined before the first heartbeat. */
  get sizing(): AutoDecision | undefined {
    return this.#sizer.decision;
  }

  /** With `pm = auto`: the pool's claim on memory. */
  claim(generation: Generation): AutoClaim | undefined {
    return generation.pool.pm === 'auto' ? this.#sizer.claim(generation.pool['pm.min_children']) : undefined;
  }

  /** A generation on trial: numbers of workers, while another one serves. */
  heartbeatOnTrial(generation: Generation): void {
    this.manage(generation, { type: 'heartbeat' });
    this.watch(generation);
  }

  /**
   * Once a second; {@link watch} comes after it.
   *
   * @param slots current slots of the generation's scoreboard
   * @param queue waiting connections
   */
  heartbeat(generation: Generation, slots: readonly SlotSnapshot[], queue: number): void {
    this.#size(generation, slots, queue);
    this.manage(generation, { type: 'heartbeat' }, slots);
    for (const slot of idleOthers(generation.pool, slots, monotonicMicros()))
      this.#dismiss(generation, slot, 'quit');
  }

  /**
   * After a heartbeat: makes and ends the lane's workers.
   *
   * @param isFull every worker is busy, and connections wait
   */
  keepLane(generation: Generation, slots: readonly SlotSnapshot[], isFull: boolean): void {
    const { pool, engine, workers } = generation;
    const now = this.#services.now();
    if (isFull) generation.fullAt = now;
    const first = firstLaneSlot(pool);
    const wanted = wantedInLane(pool, { now, engine, fullAt: generation.fullAt });
    for (let slot = first; slot < workers.slotCount; slot += 1) {
      const worker = workers.get(slot);
      if (worker === undefined && slot < first + wanted && this.#mayGrow()) generation.spawn(slot);
      if (worker === undefined || slot < first + wanted || worker.stoppedByManager) continue;
      if (slots.some((one) => one.slot === slot && one.stage === 'idle'))
        this.#dismiss(generation, slot, 'quit');
    }
  }

  #mayGrow(): boolean {
    const processMax = this.#services.processMax();
    return processMax === 0 || this.#services.runningWorkers() < processMax;
  }

  /**
   * Connections wait in the host and no worker is idle. If that starts workers, the host reports again when more wait
   * than these will take; otherwise at a worker's start and at every heartbeat, since it would report at once.
   */
  waiting(generation: Generation): void {
    if (generation.pool.pm !== 'ondemand') return;
    const before = generation.workers.size;
    const queued = generation.reader.readHeader().queuedRequests;
    this.manage(generation, { type: 'waiting', connections: Math.max(1, queued) });
    if (generation.workers.size > before) this.watch(generation);
  }

  /** A connection waited, and the host makes the worker that {@link watch} allowed. */
  madeByHost(generation: Generation, slot: number): void {
    if (generation.pool.pm !== 'ondemand') return;
    generation.adopt(slot);
    this.manage(generation, { type: 'grown' });
  }

  /**
   * Asks the host of an ondemand pool to report connections without a worker at hand or on its way. The answer to the
   * first one is decided here already, so that its client does not wait for the master.
   */
  watch(generation: Generation): void {
    const { pool, workers } = generation;
    if (pool.pm !== 'ondemand') return;
    const all = workers.all().filter(({ slot }) => isManagedSlot(pool, slot));
    const covered = all.filter(({ state }) => state === workerStates.starting).length;
    generation.host.watch(
      covered,
      covered === 0 ? slotForNext(pool, all, this.#services.processMax()) : undefined,
    );
  }

  /**
   * Worker mode: a request waits for a worker that runs scripts. A draining generation needs such workers to its end.
   */
  wanted(generation: Generation): void {
    const slot = slotForOther(generation.pool, generation.workers.all());
    if (slot !== undefined && generation.pool['worker.script'] !== undefined) generation.spawn(slot);
  }

  /** Workers with a request. */
  activeWorkers(generation: Generation): number {
    return this.#managed(generation).filter(({ stage }) => !restingStages.includes(stage)).length;
  }

  #size(generation: Generation, slots: readonly SlotSnapshot[], queue: number): void {
    if (generation.pool.pm !== 'auto') return;
    const { now, room, log } = this.#services;
    const running = generation.workers.size;
    const { decision, isNew } = this.#sizer.heartbeat(generation, slots, queue, now(), room);
    if (isNew)
      log.debug(
        `[pool ${this.#pool}] pm = auto: ${decision.target} workers in place of ${running}: ${decision.reason}`,
      );
  }

  #auto({ pool }: Generation): ManagerInput['auto'] {
    const decision = pool.pm === 'auto' ? this.#sizer.decision : undefined;
    if (decision === undefined) return undefined;
    const { target, limit } = decision;
    return { target, isAtMaximum: limit === 'maximum', isMemoryShort: limit === 'memory' };
  }

  /** Executes the manager's decision about an event. */
  manage(generation: Generation, event: ManagerEvent, slots?: readonly SlotSnapshot[]): void {
    const auto = this.#auto(generation);
    const decision = decide({
      pool: generation.pool,
      event,
      now: this.#services.now(),
      workers: this.#managed(generation, slots),
      globalRunning: this.#services.runningWorkers(),
      processMax: this.#services.processMax(),
      memory: generation.memory,
      ...(auto === undefined ? {} : { auto }),
    });
    generation.memory = decision.memory;
    for (const message of decision.messages) this.#services.log.write(message.level, message.text);
    for (const action of decision.actions) {
      if (action.type === 'spawn') {
        generation.spawn(action.slot, action.reason === 'replace' && generation.isServing);
      } else {
        this.#dismiss(generation, action.slot, action.how);
      }
    }
  }

  /** It gets no successor. */
  #dismiss(generation: Generation, slot: number, how: EndMode): void {
    const worker = generation.workers.get(slot);
    if (worker !== undefined) worker.stoppedByManager = true;
    generation.endWorker(slot, how);
  }

  /** The generation's workers with their scoreboard data; times in monotonic milliseconds. */
  #managed(
    generation: Generation,
    slots: readonly SlotSnapshot[] = generation.reader.readNumbers().slots,
  ): ManagedWorker[] {
    const bySlot = new Map(slots.map((slot) => [slot.slot, slot]));
    const managed = generation.workers.all().filter(({ slot }) => isManagedSlot(generation.pool, slot));
    return managed.map((worker) => {
      const slot = worker.pid === 0 ? undefined : bySlot.get(worker.slot);
      const startedAt = worker.startedMicros / 1000;
      const stage = slot?.stage ?? 'creating';
      worker.state = observeWorker(worker.state, stage);
      return {
        slot: worker.slot,
        pid: worker.pid,
        startedAt,
        stage,
        lastActivityAt: slot === undefined ? startedAt : slot.stageClockMicros / 1000,
        stopping: worker.state === workerStates.stopping,
      };
    });
  }
}
