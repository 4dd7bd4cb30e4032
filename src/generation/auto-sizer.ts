/** Controls the number of workers of a pool with `pm = auto`: measurements in, a target with its reason out. */

import { type AutoDecision, type AutoMemory, freshAuto, sizeAuto } from '../pool/auto-sizing.ts';
import type { AutoClaim } from '../pool/memory-shares.ts';
import { isManagedSlot } from '../pool/worker-mode.ts';
import { workerStates } from '../pool/worker-states.ts';
import { processMemory } from '../posix/smaps.ts';
import type { SlotSnapshot } from '../scoreboard/decode.ts';
import type { WorkerStage } from '../scoreboard/states.ts';
import type { Generation } from './generation.ts';

/** Resources shared by all pools with `pm = auto`. */
export interface SharedRoom {
  readonly isProcessorBusy: boolean;
  /** Maximum of the pool's workers; undefined when unknown. */
  ceiling(pool: string): number | undefined;
}

/** A worker in one of these is at no request. */
const restingStages: readonly WorkerStage[] = ['idle', 'creating', 'booting'];
/** Used before the first measurement of a worker. */
const assumedBytes = 48 * 1024 * 1024;

export class AutoSizer {
  readonly #pool: string;
  #memory: AutoMemory = freshAuto;
  #decision: AutoDecision | undefined;
  /** By pid: private memory of the worker. One worker is measured each second. */
  readonly #sizes = new Map<number, number>();
  #turn = 0;
  #running = 0;

  constructor(pool: string) {
    this.#pool = pool;
  }

  /** The latest decision; undefined before the first heartbeat, and for other process managers. */
  get decision(): AutoDecision | undefined {
    return this.#decision;
  }

  /** The pool's claim on memory; undefined before the first heartbeat. @param least `pm.min_children` */
  claim(least: number): AutoClaim | undefined {
    const decision = this.#decision;
    if (decision === undefined) return undefined;
    const { load, wanted } = decision;
    return { name: this.#pool, load, least, wanted, running: this.#running, workerBytes: this.#averageBytes };
  }

  /** Once a second. @param queue waiting connections. @returns the decision, and whether the target has changed */
  heartbeat(
    generation: Generation,
    slots: readonly SlotSnapshot[],
    queue: number,
    now: number,
    room: SharedRoom,
  ): { readonly decision: AutoDecision; readonly isNew: boolean } {
    this.#lookAtOne(generation, slots);
    const managed = slots.filter(({ slot }) => isManagedSlot(generation.pool, slot));
    this.#running = generation.workers
      .all()
      .filter(
        ({ slot, state }) => isManagedSlot(generation.pool, slot) && state !== workerStates.stopping,
      ).length;
    const decision = sizeAuto(generation.pool, this.#memory, {
      now,
      running: this.#running,
      active: managed.filter(({ stage }) => !restingStages.includes(stage)).length,
      queue,
      ceiling: room.ceiling(this.#pool),
      isProcessorBusy: room.isProcessorBusy,
      processorShare: processorShare(managed),
    });
    const isNew = decision.target !== this.#running;
    this.#memory = decision.memory;
    this.#decision = decision;
    return { decision, isNew };
  }

  get #averageBytes(): number {
    if (this.#sizes.size === 0) return assumedBytes;
    return [...this.#sizes.values()].reduce((sum, bytes) => sum + bytes, 0) / this.#sizes.size;
  }

  /** The kernel walks all pages of a process for it, so only one a second. */
  #lookAtOne({ engine, workers }: Generation, slots: readonly SlotSnapshot[]): void {
    const all = workers.all().filter(({ pid }) => pid !== 0);
    const pids = new Set(all.map(({ pid }) => pid));
    for (const pid of this.#sizes.keys()) if (!pids.has(pid)) this.#sizes.delete(pid);
    if (all.length === 0) return;
    this.#turn = (this.#turn + 1) % all.length;
    const { pid, slot } = all[this.#turn]!;
    const bytes =
      engine === 'embedded'
        ? slots.find((one) => one.slot === slot)?.instanceBytes
        : processMemory(pid)?.privateBytes;
    if (bytes !== undefined && bytes > 0) this.#sizes.set(pid, bytes);
  }
}

/** Over the last requests of all workers. */
function processorShare(slots: readonly SlotSnapshot[]): number | undefined {
  const wall = slots.reduce((sum, { cpuWallMicros }) => sum + cpuWallMicros, 0);
  return wall === 0 ? undefined : slots.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0) / wall;
}
