/**
 * Supervises the workers of a pool: executes the process manager's decisions, logs ends, replaces workers, and ends
 * those whose request takes too long.
 */

import { ContractError, type EndMode } from '../engine/contract.ts';
import type { HostMessage } from '../engine/host-messages.ts';
import type { RestartCause } from '../figures/answers.ts';
import type { AutoDecision } from '../pool/auto-sizing.ts';
import { wantedInLane } from '../pool/lane.ts';
import type { Leak } from '../pool/leak-detector.ts';
import { lostRequest } from '../pool/lost-request.ts';
import type { ManagedWorker, ManagerEvent, ManagerInput } from '../pool/management.ts';
import { decide } from '../pool/manager.ts';
import type { AutoClaim } from '../pool/memory-shares.ts';
import { slotForNext } from '../pool/ondemand.ts';
import { reapWorker, startedMessage } from '../pool/reap.ts';
import {
  type BackOffMemory,
  initialBackOff,
  isUsefulWorkerLife,
  replacementTime,
  workerBackOff,
} from '../pool/respawn.ts';
import { checkTimeouts, type TimedWorker } from '../pool/timeouts.ts';
import { firstLaneSlot, idleOthers, isManagedSlot, overdueBoots, slotForOther } from '../pool/worker-mode.ts';
import { observeWorker, workerStates, workerTransitions } from '../pool/worker-states.ts';
import { ProcessHandle } from '../posix/pidfd.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import type { SlotSnapshot } from '../scoreboard/decode.ts';
import type { WorkerStage } from '../scoreboard/states.ts';
import { AutoSizer } from './auto-sizer.ts';
import type { Generation } from './generation.ts';
import { endHalted } from './halted-workers.ts';
import type { MasterServices } from './master-services.ts';
import { MemoryWatch } from './memory-watch.ts';
import type { PoolCounters } from './pool-counters.ts';
import { bootPlace } from './request-facts.ts';
import { writeSlowLog } from './slow-log.ts';
import type { WorkerRecord } from './worker-table.ts';

/** A worker in one of these stages has no request. */
const restingStages: readonly WorkerStage[] = ['idle', 'creating', 'booting'];

type EndedMessage = Extract<HostMessage, { type: 'ended' }>;

export class WorkerSupervisor {
  readonly #services: MasterServices;
  readonly #pool: string;
  readonly #onCrash: () => void;
  readonly #counters: PoolCounters;
  #backOff: BackOffMemory = initialBackOff;
  readonly #memory: MemoryWatch;
  readonly #sizer: AutoSizer;

  /** @param onCrash a worker died by a signal that counts for emergency_restart */
  constructor(pool: string, services: MasterServices, counters: PoolCounters, onCrash: () => void) {
    this.#counters = counters;
    this.#pool = pool;
    this.#sizer = new AutoSizer(pool);
    this.#memory = new MemoryWatch(pool, {
      say: (level, text, requestId) => services.log.aboutRequest(level, text, requestId),
    });
    this.#onCrash = onCrash;
    this.#services = services;
  }

  /** Scripts whose requests leak memory, worst first. */
  get leaks(): readonly Leak[] {
    return this.#memory.leaks;
  }

  /** First workers of a generation; at least the number needed to take over. */
  start(generation: Generation): void {
    this.#manage(generation, { type: 'start' });
    const missing = generation.wantedAtTakeOver - generation.workers.size;
    if (missing > 0) this.#manage(generation, { type: 'replace', count: missing });
    generation.wantedAtTakeOver = Math.min(generation.wantedAtTakeOver, generation.workers.size);
  }

  /** An adopted generation may lack workers that ended while there was no master, where their number is fixed. */
  fill(generation: Generation): void {
    const { pool, workers } = generation;
    const managed = workers.all().filter(({ slot }) => isManagedSlot(pool, slot)).length;
    const missing = pool.pm === 'static' ? pool['pm.max_children'] - managed : 0;
    if (missing > 0) this.#manage(generation, { type: 'replace', count: missing });
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
  beatTrial(generation: Generation): void {
    this.#manage(generation, { type: 'heartbeat' });
    this.watch(generation);
  }

  /**
   * @param slots current slots of the generation's scoreboard
   * @param queue waiting connections
   */
  heartbeat(generation: Generation, slots: readonly SlotSnapshot[], queue: number): void {
    this.#size(generation, slots, queue);
    this.#manage(generation, { type: 'heartbeat' }, slots);
    for (const slot of idleOthers(generation.pool, slots, monotonicMicros()))
      this.#dismiss(generation, slot, 'quit');
    endHalted(generation, slots, this.#services);
    this.#memory.beat(generation, slots);
    this.watch(generation);
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
    this.#manage(generation, { type: 'waiting', connections: Math.max(1, queued) });
    if (generation.workers.size > before) this.watch(generation);
  }

  /** A connection waited, and the host makes the worker that {@link watch} allowed. */
  madeByHost(generation: Generation, slot: number): void {
    if (generation.pool.pm !== 'ondemand') return;
    generation.adopt(slot);
    this.#manage(generation, { type: 'grown' });
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

  /**
   * Ends workers whose application does not get to wait for a request.
   *
   * @returns a message about the first one; undefined while all boots are in time
   */
  checkBoots(generation: Generation): string | undefined {
    const { pool, workers } = generation;
    if (pool['worker.script'] === undefined) return undefined;
    const { slots } = generation.reader.readNumbers();
    const late = overdueBoots(pool, slots, monotonicMicros()).filter(
      (slot) => workers.get(slot)?.ending === undefined,
    );
    const complaints = late.map((slot) => {
      const pid = workers.get(slot)?.announcedPid ?? 0;
      const place = bootPlace(generation, slot, pid);
      generation.endWorker(slot, 'term');
      return `the application of "${pool['worker.script']}" does not wait for a request after ${pool['worker.boot_timeout']} seconds (worker.boot_timeout)${place}`;
    });
    return complaints[0];
  }

  up(generation: Generation, slot: number, pid: number): void {
    const worker = generation.workers.get(slot);
    // A host that reports an unknown worker must not bring the master down: the slot stays free.
    if (worker === undefined) return;
    if (worker.pid !== 0) throw new ContractError(`the host said twice that child ${worker.pid} is up`);
    worker.pid = pid;
    if (generation.engine === 'native') worker.process = ProcessHandle.openChild(pid, generation.host.pid);
    if (generation.isServing) generation.leaveRoom(this.activeWorkers(generation) > 0);
    generation.bootSettled(slot);
    if (worker.state === workerStates.starting)
      worker.state = workerTransitions.move(worker.state, workerStates.idle);
    if (worker.isKept) return this.watch(generation);
    const message = startedMessage(this.#pool, pid, worker.isReplacement && !this.#services.isReloading());
    this.#services.log.write(message.level, message.text);
    this.watch(generation);
  }

  /** @param isServing whether the generation serves, so that a dead worker is replaced */
  ended(generation: Generation, message: EndedMessage, isServing: boolean): void {
    if (message.pid !== 0) generation.checkPid(message);
    const worker = generation.workers.remove(message.slot);
    generation.stacks.drop(message.slot);
    generation.bootSettled(message.slot);
    if (worker === undefined) return;
    if (worker.pid !== 0) this.#counters.workerGone(generation, message.slot);
    generation.output.end(message.pid);
    const lifetimeMicros = monotonicMicros() - worker.startedMicros;
    const reaped = reapWorker({
      pool: this.#pool,
      pid: message.pid,
      end: message.end,
      lifetimeMicros,
      stoppedByManager: worker.stoppedByManager,
      isNormal: this.#services.isNormal() && isServing,
    });
    this.#services.log.write(reaped.message.level, reaped.message.text);
    if (worker.pid !== 0) this.#tellLost(generation, message);
    if (reaped.crashed) generation.crashes += 1;
    if (reaped.crashed) this.#onCrash();
    if (!reaped.replace) {
      // Its slot is free for the next worker. After a crash the host must not make one: that would be a storm.
      if (isServing && this.#services.isNormal()) this.watch(generation);
      return;
    }
    this.#counters.restarted(causeOf(worker, message));
    // A worker for other scripts is made on demand.
    if (!isManagedSlot(generation.pool, message.slot)) return;
    // If it never came up, the slot still has its predecessor's data.
    const requests = worker.pid === 0 ? 0 : generation.reader.readRequestCount(message.slot);
    const hasBooted = worker.pid !== 0 || generation.pool['worker.script'] === undefined;
    const wasUseful = hasBooted && isUsefulWorkerLife(lifetimeMicros / 1000, requests);
    this.#scheduleReplacement(generation, wasUseful);
    this.replaceDue(generation);
  }

  #tellLost(generation: Generation, { slot, pid, end }: EndedMessage): void {
    const lost = lostRequest({
      pool: this.#pool,
      pid,
      end,
      slot: generation.reader.readLatest(slot),
      withQuery: this.#showsQuery(generation),
    });
    if (lost !== undefined) this.#services.log.aboutRequest(lost.level, lost.text, lost.requestId);
  }

  /** Machine-readable lines follow the access log; php-fpm's lines include the query. */
  #showsQuery({ pool }: Generation): boolean {
    return this.#services.log.format !== 'json' || pool['access.log_query'];
  }

  /** Starts the workers that are due. */
  replaceDue(generation: Generation): void {
    const now = this.#services.now();
    const due = generation.replacements.filter((time) => time <= now);
    if (due.length === 0 || !this.#services.isNormal()) return;
    generation.replacements = generation.replacements.filter((time) => time > now);
    this.#manage(generation, { type: 'replace', count: due.length });
  }

  /** request_terminate_timeout and request_slowlog_timeout. Includes draining generations. */
  checkRequests(generation: Generation): void {
    this.#memory.checkHard(generation, this.#showsQuery(generation));
    const timed: TimedWorker[] = [];
    for (const { slot, pid, slowLogged } of generation.workers.all()) {
      const snapshot = pid === 0 ? undefined : generation.reader.readSlot(slot);
      if (snapshot !== undefined) timed.push({ snapshot, pid, slowLogged });
    }
    const withQuery = this.#showsQuery(generation);
    const { slow, terminate } = checkTimeouts(generation.pool, timed, monotonicMicros(), withQuery);
    for (const { slot, pid, acceptedClockMicros, message } of slow) {
      const worker = generation.workers.get(slot);
      if (worker === undefined) continue;
      worker.slowLogged = acceptedClockMicros;
      generation.slowRequests += 1;
      generation.scoreboard.slowed(generation.slowRequests);
      this.#services.log.aboutRequest(message.level, message.text, message.requestId);
      const request = writeSlowLog(generation, slot, pid, this.#services.log);
      if (request !== undefined) this.#services.onSlowRequest(request);
    }
    for (const { slot, message } of terminate) {
      const worker = generation.workers.get(slot);
      // It is named at every check until it has ended; a host that does not end it is handled elsewhere.
      if (worker === undefined || worker.timedOut) continue;
      this.#services.log.aboutRequest(message.level, message.text, message.requestId);
      worker.timedOut = true;
      this.#counters.terminated();
      generation.endWorker(slot, 'timeout');
    }
  }

  /** The host has ended with its workers. */
  hostGone(generation: Generation): void {
    for (const { slot, pid, startedMicros } of generation.workers.all()) {
      const lifetime = ((monotonicMicros() - startedMicros) / 1e6).toFixed(6);
      this.#services.log.debug(
        `[pool ${this.#pool}] child ${pid} exited with the engine host after ${lifetime} seconds from start`,
      );
      generation.output.end(pid);
      if (pid !== 0) this.#counters.workerGone(generation, slot);
      generation.workers.remove(slot);
    }
  }

  /** Workers with a request. */
  activeWorkers(generation: Generation): number {
    return this.#managed(generation).filter(({ stage }) => !restingStages.includes(stage)).length;
  }

  #scheduleReplacement(generation: Generation, wasUseful: boolean): void {
    const { at, memory } = replacementTime(workerBackOff, this.#backOff, this.#services.now(), wasUseful);
    this.#backOff = memory;
    generation.replacements.push(at);
    this.#services.wakeAt(at);
  }

  #size(generation: Generation, slots: readonly SlotSnapshot[], queue: number): void {
    if (generation.pool.pm !== 'auto') return;
    const { now, room, log } = this.#services;
    const running = generation.workers.size;
    const { decision, isNew } = this.#sizer.beat(generation, slots, queue, now(), room);
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

  #manage(generation: Generation, event: ManagerEvent, slots?: readonly SlotSnapshot[]): void {
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

function causeOf({ timedOut, outgrown }: WorkerRecord, { end }: EndedMessage): RestartCause {
  if (timedOut) return 'timeout';
  return outgrown ? 'memory' : end.type;
}
