/** Supervises single workers of a pool: logs their starts and ends, and replaces those that died. */

import { ContractError } from '../engine/contract.ts';
import type { HostMessage } from '../engine/host-messages.ts';
import type { RestartCause } from '../figures/answers.ts';
import type { Leak } from '../pool/leak-detector.ts';
import { lostRequest } from '../pool/lost-request.ts';
import { reapWorker, startedMessage } from '../pool/reap.ts';
import {
  type BackOffMemory,
  initialBackOff,
  isUsefulWorkerLife,
  replacementTime,
  workerBackOff,
} from '../pool/respawn.ts';
import { isManagedSlot, overdueBoots } from '../pool/worker-mode.ts';
import { workerStates, workerTransitions } from '../pool/worker-states.ts';
import { ProcessHandle } from '../posix/pidfd.ts';
import { monotonicMicros } from '../scoreboard/clock.ts';
import type { SlotSnapshot } from '../scoreboard/decode.ts';
import type { Generation } from './generation.ts';
import { endHalted } from './halted-workers.ts';
import type { MasterServices } from './master-services.ts';
import { MemoryWatch } from './memory-watch.ts';
import type { PoolCounters } from './pool-counters.ts';
import { RequestDeadlines } from './request-deadlines.ts';
import { bootPlace } from './request-facts.ts';
import { showsQuery } from './shown-query.ts';
import { WorkerStaffing } from './worker-staffing.ts';
import type { WorkerRecord } from './worker-table.ts';

type EndedMessage = Extract<HostMessage, { type: 'ended' }>;

export class WorkerSupervisor {
  readonly #services: MasterServices;
  readonly #pool: string;
  readonly #onCrash: () => void;
  readonly #counters: PoolCounters;
  #backOff: BackOffMemory = initialBackOff;
  readonly #memory: MemoryWatch;
  /** How many workers there are. */
  readonly staffing: WorkerStaffing;
  /** How long their requests may take. */
  readonly deadlines: RequestDeadlines;

  /** @param onCrash a worker died by a signal that counts for emergency_restart */
  constructor(pool: string, services: MasterServices, counters: PoolCounters, onCrash: () => void) {
    this.#counters = counters;
    this.#pool = pool;
    this.staffing = new WorkerStaffing(pool, services);
    this.#memory = new MemoryWatch(pool, {
      say: (level, text, requestId) => services.log.aboutRequest(level, text, requestId),
    });
    this.deadlines = new RequestDeadlines(services, counters, this.#memory);
    this.#onCrash = onCrash;
    this.#services = services;
  }

  /** Scripts whose requests leak memory, worst first. */
  get leaks(): readonly Leak[] {
    return this.#memory.leaks;
  }

  /**
   * Once a second.
   *
   * @param slots current slots of the generation's scoreboard
   * @param queue waiting connections
   */
  heartbeat(generation: Generation, slots: readonly SlotSnapshot[], queue: number): void {
    this.staffing.heartbeat(generation, slots, queue);
    endHalted(generation, slots, this.#services);
    this.#memory.heartbeat(generation, slots);
    this.staffing.watch(generation);
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
    if (generation.isServing) generation.leaveRoom(this.staffing.activeWorkers(generation) > 0);
    generation.bootSettled(slot);
    if (worker.state === workerStates.starting)
      worker.state = workerTransitions.move(worker.state, workerStates.idle);
    if (worker.isKept) return this.staffing.watch(generation);
    const message = startedMessage(this.#pool, pid, worker.isReplacement && !this.#services.isReloading());
    this.#services.log.write(message.level, message.text);
    this.staffing.watch(generation);
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
      if (isServing && this.#services.isNormal()) this.staffing.watch(generation);
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
      withQuery: showsQuery(generation, this.#services.log),
    });
    if (lost !== undefined) this.#services.log.aboutRequest(lost.level, lost.text, lost.requestId);
  }

  /** Starts the workers that are due. */
  replaceDue(generation: Generation): void {
    const now = this.#services.now();
    const due = generation.replacements.filter((time) => time <= now);
    if (due.length === 0 || !this.#services.isNormal()) return;
    generation.replacements = generation.replacements.filter((time) => time > now);
    this.staffing.manage(generation, { type: 'replace', count: due.length });
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

  #scheduleReplacement(generation: Generation, wasUseful: boolean): void {
    const { at, memory } = replacementTime(workerBackOff, this.#backOff, this.#services.now(), wasUseful);
    this.#backOff = memory;
    generation.replacements.push(at);
    this.#services.wakeAt(at);
  }
}

function causeOf({ timedOut, outgrown }: WorkerRecord, { end }: EndedMessage): RestartCause {
  if (timedOut) return 'timeout';
  return outgrown ? 'memory' : end.type;
}
