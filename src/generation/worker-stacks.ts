/** PHP stacks of a generation's workers, read from outside while they run. */

import { closeSync } from 'node:fs';
import { receiveDescriptor } from '../posix/descriptors.ts';
import type { EngineSymbols } from '../scoreboard/engine-symbols.ts';
import type { FieldEngine } from '../scoreboard/layout.ts';
import type { ScoreboardReader } from '../scoreboard/reader.ts';
import { glanceAtStack, lookAtStack } from '../trace/look.ts';
import { isProcessMemory, ProcessMemory } from '../trace/memory.ts';
import { StackWalker, type Walk } from '../trace/walker.ts';

/** A walk, or the reason why it is missing. */
export type Look = { readonly walk: Walk } | { readonly reason: string };

const embeddedReason = 'the embedded engine cannot be looked into while it runs';

export class WorkerStacks {
  readonly #reader: ScoreboardReader;
  readonly #memories = new Map<number, ProcessMemory>();
  readonly #reasons = new Map<number, string>();
  readonly #engine: FieldEngine;
  #symbols: EngineSymbols | undefined;
  #reason = 'the engine host is not ready yet';

  constructor(reader: ScoreboardReader, engine: FieldEngine) {
    this.#reader = reader;
    this.#engine = engine;
  }

  /** The host is ready. Its published data is read once, now: its workers could change it later. */
  learn(): void {
    this.#symbols = this.#reader.readEngineSymbols();
    this.#reason = this.#engine === 'embedded' ? embeddedReason : 'the host has not published where to look';
  }

  /**
   * Receives the descriptor that the host sent for a worker from the channel.
   *
   * @throws Error when it is missing, or is not that process's memory
   */
  take(slot: number, pid: number, channel: number): void {
    const fd = receiveDescriptor(channel, 0);
    if (!isProcessMemory(fd, pid)) {
      closeSync(fd);
      this.refuse(slot, 'what came instead of its memory is another file');
      throw new Error(`the descriptor that came for child ${pid} is not its memory`);
    }
    this.drop(slot);
    this.#memories.set(slot, new ProcessMemory(fd));
  }

  /** A worker without stacks. */
  refuse(slot: number, reason: string): void {
    this.drop(slot);
    this.#reasons.set(slot, reason);
  }

  /** The worker has ended. */
  drop(slot: number): void {
    this.#memories.get(slot)?.close();
    this.#memories.delete(slot);
    this.#reasons.delete(slot);
  }

  close(): void {
    for (const slot of [...this.#memories.keys()]) this.drop(slot);
  }

  /** Tries until the stack is steady. */
  look(slot: number, depth: number): Look {
    const memory = this.#memories.get(slot);
    if (this.#symbols === undefined) return { reason: this.#reason };
    if (memory === undefined) return { reason: this.#reasons.get(slot) ?? 'the worker is not up yet' };
    const walk = lookAtStack(new StackWalker(this.#symbols), memory, depth);
    return walk === undefined ? { reason: 'its memory could not be read, or moved at every look' } : { walk };
  }

  /**
   * For many samples of functions without lines: permanent facts are read once. A sample is undefined when the stack
   * changes; the function is undefined when no worker can be sampled.
   */
  glances(): ((slot: number, depth: number) => Walk | undefined) | undefined {
    if (this.#symbols === undefined) return undefined;
    const walker = new StackWalker(this.#symbols);
    return (slot, depth) => {
      const memory = this.#memories.get(slot);
      return memory === undefined ? undefined : glanceAtStack(walker, memory, depth);
    };
  }

  /** Why no worker of this generation can be sampled; undefined when they can. */
  get obstacle(): string | undefined {
    return this.#symbols === undefined ? this.#reason : undefined;
  }
}
