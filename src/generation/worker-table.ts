/** The workers of one generation, by slot. The scoreboard says what they do; this says which there are and why. */

import type { EndProgress } from '../pool/obedience.ts';
import { type WorkerState, workerStates, workerTransitions } from '../pool/worker-states.ts';
import type { ProcessHandle } from '../posix/pidfd.ts';

export interface WorkerRecord {
  readonly slot: number;
  state: WorkerState;
  /** 0 until the host says that the worker is up. */
  pid: number;
  /** What the host called it before it was up: output may come sooner. */
  announcedPid: number;
  /** Its memory came, or word that there is none. */
  hasOffered: boolean;
  /** Undefined of a thread, and where the system has no such handles. */
  process: ProcessHandle | undefined;
  /** Since when it is to end at once. */
  ending: EndProgress | undefined;
  /** CLOCK_MONOTONIC, microseconds. */
  readonly startedMicros: number;
  /** Asked to go by the process manager, so that nobody takes its place. */
  stoppedByManager: boolean;
  /** Made in the place of one that died. */
  readonly isReplacement: boolean;
  /** Asked to go because of request_terminate_timeout. */
  timedOut: boolean;
  /** Asked to go because of what it takes. */
  outgrown: boolean;
  /** Accept time of the request that was written to the slow log last, 0 for none. */
  slowLogged: number;
}

export class WorkerTable {
  readonly #slots: (WorkerRecord | undefined)[];

  constructor(slotCount: number) {
    this.#slots = new Array<WorkerRecord | undefined>(slotCount).fill(undefined);
  }

  get size(): number {
    return this.all().length;
  }

  /** Workers that the host has reported as up and nobody has asked to go. */
  get upCount(): number {
    return this.all().filter(({ pid, state }) => pid !== 0 && state !== workerStates.stopping).length;
  }

  all(): WorkerRecord[] {
    return this.#slots.filter((worker) => worker !== undefined);
  }

  get(slot: number): WorkerRecord | undefined {
    return this.#slots[slot];
  }

  /** @throws Error when the slot is taken: two workers would write the same scoreboard slot */
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
      startedMicros,
      stoppedByManager: false,
      isReplacement,
      timedOut: false,
      outgrown: false,
      slowLogged: 0,
    };
  }

  /** Takes a worker that has ended out of the table. */
  remove(slot: number): WorkerRecord | undefined {
    const worker = this.#slots[slot];
    if (worker !== undefined) worker.state = workerTransitions.move(worker.state, workerStates.ended);
    this.#slots[slot] = undefined;
    worker?.process?.close();
    return worker;
  }

  /** It is to end at once. @param now monotonic ms, of the first such order */
  ending(slot: number, now: number): void {
    const worker = this.#slots[slot];
    if (worker !== undefined) worker.ending ??= { since: now, isForced: false };
  }

  /** The master ends it itself. @param now monotonic ms */
  force(slot: number, now: number): void {
    const worker = this.#slots[slot];
    if (worker !== undefined) worker.ending = { since: now, isForced: true };
  }

  /** Their processes, which belong to the caller from now on. */
  takeProcesses(): ProcessHandle[] {
    return this.all().flatMap((worker) => {
      const { process } = worker;
      worker.process = undefined;
      return process ?? [];
    });
  }
}
