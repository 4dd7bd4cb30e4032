/**
 * `pm.max_memory_hard`: the growth of the instance's memory, which is the only moment at which a busy thread can be
 * measured. Growth is published. Growth beyond the limit is not granted: the thread waits there until it is ended from
 * outside, so that a script never takes more than the limit however fast it allocates.
 */

import { sizeText } from '../../../text/size.ts';
import type { Engine, EngineImports } from './engine.ts';
import { stackBytes } from './stack-guard.ts';

/** The watch's interface to the thread. Sizes are bytes without the C stack, as `heapBytes` of an instance. */
export interface HeapHost {
  /** 0: no limit. */
  readonly limit: number;
  /** The size that the memory has now, or that was refused. */
  readonly publish: (bytes: number) => void;
  /** Blocks the thread for this time. */
  readonly pause: (milliseconds: number) => void;
}

/** The import by which C asks for memory; it returns 0 when there is none. */
type ResizeHeap = (requested: number) => number | boolean;

const importName = 'emscripten_resize_heap';
/** Time for the master to end the thread: it looks four times a second. Without a master PHP is out of memory then. */
const patienceMs = 3000;
/** The loader takes a fifth more than was asked for. */
const overgrowth = 1.2;

export class HeapLimit {
  readonly #host: HeapHost;
  #engine: Engine | undefined;
  /** PHP asks several times before it gives up: only the first wait counts. By performance.now(). */
  #refusesUntil = 0;

  constructor(host: HeapHost) {
    this.#host = host;
  }

  repair(imports: EngineImports): void {
    const resize = imports[importName] as ResizeHeap;
    imports[importName] = (requested: number) =>
      this.#engine === undefined ? resize(requested) : this.#grow(this.#engine, requested >>> 0, resize);
  }

  /**
   * Watches from now on, when PHP has booted.
   *
   * @throws Error when the memory is above the limit before the first request
   */
  begin(engine: Engine): void {
    const { limit } = this.#host;
    const bytes = engine.memory.byteLength - stackBytes;
    if (limit > 0 && bytes > limit) {
      throw new Error(
        `pm.max_memory_hard is ${sizeText(limit)}, and PHP takes ${sizeText(bytes)} before its first request: set it above that, or use the native engine`,
      );
    }
    this.#engine = engine;
  }

  #grow({ memory }: Engine, requested: number, resize: ResizeHeap): number | boolean {
    const most = this.#host.limit === 0 ? Number.POSITIVE_INFINITY : this.#host.limit + stackBytes;
    if (requested > most) {
      this.#waitForEnd(requested);
      this.#host.publish(memory.byteLength - stackBytes);
      return 0;
    }
    // Beside the limit exactly what was asked for; the loader then finds it and renews its views.
    const isExact = memory.byteLength * overgrowth > most;
    if (isExact && !memory.grow(requested - memory.byteLength)) return 0;
    const granted = resize(isExact ? memory.byteLength : requested);
    this.#host.publish(memory.byteLength - stackBytes);
    return granted;
  }

  #waitForEnd(requested: number): void {
    if (performance.now() < this.#refusesUntil) return;
    this.#host.publish(requested - stackBytes);
    this.#host.pause(patienceMs);
    this.#refusesUntil = performance.now() + patienceMs;
  }
}
