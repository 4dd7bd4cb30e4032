/** The workers of one generation, by slot. The scoreboard has their activity, this table their existence and origin. */

import type { EndProgress } from '../pool/obedience.ts';
import { type WorkerState, workerStates, workerTransitions } from '../pool/worker-states.ts';
import type { ProcessHandle } from '../posix/pidfd.ts';

export interface WorkerRecord {
  readonly slot: number;
  state: WorkerState;
  /** 0 until the host reports the worker as up. */
  pid: number;
  /** The host's pid for it before it is up: output may arrive earlier. */
  announcedPid: number;
  /** Its memory arrived, or a message that it is unavailable. */
  hasOffered: boolean;
  /** Undefined for a thread, and without pidfds. */
  process: ProcessHandle | undefined;
  /** Since when it should end at once. */
  ending: EndProgress | undefined;
  /** When the host said that a signal has stopped it, monotonic ms. */
  haltedAt: number | undefined;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly startedMicros: number;
  /** Asked to end by the process manager, so that it gets no successor. */
  stoppedByManager: boolean;
  /** Replaces a dead worker. */
  readonly isReplacement: boolean;
  /** It was there before this master. */
  readonly isKept: boolean;
  /** Asked to end because of request_terminate_timeout. */
  timedOut: boolean;
  /** Asked to end because of its memory. */
  outgrown: boolean;
  /** Accept time of the last request in the slow log, 0 if none. */
  slowLogged: number;
}

export class WorkerTable {
  readonly #slots: (WorkerRecord | undefined)[];

  constructor(slotCount: number) {
    this.#slots = new Array<WorkerRecord | undefined>(slotCount).fill(undefined);
  }

  get slotCount(): number {
    return this.#slots.length;
  }

  get size(): number {
    return this.all().length;
  }

  /** Workers reported as up and not asked to end. */
  get upCount(): number {
    return this.all().filter(({ pid, state }) => pid !== 0 && state !== workerStates.stopping).length;
  }

  all(): WorkerRecord[] {
    return this.#slots.filter((worker) => worker !== undefined);
  }

  get(slot: number): WorkerRecord | undefined {
    return this.#slots[slot];
  }

  /** @throws Error for a taken slot: two workers would write the same scoreboard slot */
  reserve(slot: number, startedMicros: number, isReplacement: boolean): void {
    if (this.#slots[slot] !== undefined)
      throw new Error(`cannot start a worker in slot ${slot}: it is taken`);
    this.#slots[slot] = {
      slot,
      state: workerStates.starting,
      pid: 0,
      announcedPid: 0,
      hasOffered: false,
      process: undefined,
      ending: undefined,
      haltedAt: undefined,
      startedMicros,
      stoppedByManager: false,
      isReplacement,
      isKept: false,
      timedOut: false,
      outgrown: false,
      slowLogged: 0,
    };
  }

  /** A worker of an adopted host, whose pid is known before it says that it is up. */
  keep(slot: number, pid: number, startedMicros: number): void {
    this.reserve(slot, startedMicros, false);
    const worker = this.#slots[slot];
    if (worker !== undefined) this.#slots[slot] = { ...worker, isKept: true, announcedPid: pid };
  }

  /** Removes an ended worker from the table. */
  remove(slot: number): WorkerRecord | undefined {
    const worker = this.#slots[slot];
    if (worker !== undefined) worker.state = workerTransitions.move(worker.state, workerStates.ended);
    this.#slots[slot] = undefined;
    worker?.process?.close();
    return worker;
  }

  /** It must end at once. @param now monotonic ms, of the first such order */
  ending(slot: number, now: number): void {
    const worker = this.#slots[slot];
    if (worker !== undefined) worker.ending ??= { since: now, isForced: false };
  }

  /** The master ends it itself. @param now monotonic ms */
  force(slot: number, now: number): void {
    const worker = this.#slots[slot];
    if (worker !== undefined) worker.ending = { since: now, isForced: true };
  }

  /** Their process handles, which then belong to the caller. */
  takeProcesses(): ProcessHandle[] {
    return this.all().flatMap((worker) => {
      const { process } = worker;
      worker.process = undefined;
      return process ?? [];
    });
  }
}
