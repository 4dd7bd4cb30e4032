/** A decision in progress; it enforces the limits common to all process managers. */

import type {
  ManagedWorker,
  ManagerAction,
  ManagerDecision,
  ManagerInput,
  ManagerMemory,
  SpawnReason,
} from './management.ts';
import type { LogMessage, MessageLevel } from './messages.ts';

/** Mutable form of {@link ManagerMemory}. */
type Draft = { -readonly [Key in keyof ManagerMemory]: ManagerMemory[Key] };

export class Plan {
  readonly input: ManagerInput;
  readonly memory: Draft;
  /** Workers that wait for a request and were not asked to end. */
  readonly idle: readonly ManagedWorker[];
  /** Workers that were ordered and are not up yet. */
  readonly coming: number;
  readonly #actions: ManagerAction[] = [];
  readonly #messages: LogMessage[] = [];
  readonly #freeSlots: number[];
  #globalRunning: number;

  constructor(input: ManagerInput) {
    this.input = input;
    const present = new Set(input.workers.map(({ pid }) => pid));
    this.memory = { ...input.memory, asked: input.memory.asked.filter((pid) => present.has(pid)) };
    this.idle = input.workers.filter(({ stage, stopping }) => stage === 'idle' && !stopping);
    this.coming = input.workers.filter(({ stage, stopping }) => stage === 'creating' && !stopping).length;
    this.#freeSlots = freeSlots(input.workers, input.pool['pm.max_children']);
    this.#globalRunning = input.globalRunning;
  }

  /** Workers of the pool, including those being stopped: they still hold their slot. */
  get running(): number {
    return this.input.workers.length;
  }

  get active(): number {
    return this.input.workers.filter(({ stage }) => stage !== 'idle').length;
  }

  log(level: MessageLevel, text: string): void {
    this.#messages.push({ level, text: `[pool ${this.input.pool.name}] ${text}` });
  }

  /**
   * Starts workers in the lowest free slots, within pm.max_children and process.max.
   *
   * @returns their number.
   */
  spawn(count: number, reason: SpawnReason): number {
    let spawned = 0;
    while (spawned < count && this.#freeSlots.length > 0) {
      if (this.#isProcessMaxReached()) break;
      this.#actions.push({ type: 'spawn', slot: this.#freeSlots.shift()!, reason });
      this.#globalRunning += 1;
      this.memory.processMaxLogged = false;
      spawned += 1;
    }
    return spawned;
  }

  /** Asks a worker to end once it is idle. */
  stop(worker: ManagedWorker): void {
    this.#actions.push({ type: 'stop', slot: worker.slot, how: 'quit' });
    this.memory.asked = [...this.memory.asked, worker.pid];
  }

  /** Kills a worker that the manager asked to end at an earlier heartbeat and that is still idle. */
  killStubborn(): void {
    for (const worker of this.input.workers) {
      if (worker.stage === 'idle' && this.input.memory.asked.includes(worker.pid)) {
        this.#actions.push({ type: 'stop', slot: worker.slot, how: 'kill' });
      }
    }
  }

  /** pm.max_children prevents a wanted worker: logged and counted once an episode. */
  maximumReached(text: string): void {
    if (!this.memory.atMaximum && this.input.hidden !== true) {
      this.log('warning', text);
      this.memory.maxChildrenReached += 1;
    }
    this.memory.atMaximum = true;
  }

  decision(): ManagerDecision {
    return { actions: this.#actions, messages: this.#messages, memory: this.memory };
  }

  #isProcessMaxReached(): boolean {
    const { processMax } = this.input;
    if (processMax <= 0 || this.#globalRunning < processMax) return false;
    if (!this.memory.processMaxLogged) {
      // php-fpm names no pool here.
      const text =
        'The maximum number of processes has been reached. Please review your configuration and consider raising ' +
        "'process.max'";
      this.#messages.push({ level: 'warning', text });
      this.memory.processMaxLogged = true;
    }
    return true;
  }
}

/** The slots without a worker, in ascending order. */
export function freeSlots(workers: readonly { readonly slot: number }[], slotCount: number): number[] {
  const taken = new Set(workers.map(({ slot }) => slot));
  const free: number[] = [];
  for (let slot = 0; slot < slotCount && free.length < slotCount - taken.size; slot += 1) {
    if (!taken.has(slot)) free.push(slot);
  }
  return free;
}
