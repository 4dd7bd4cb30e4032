/** The C stack of a running engine with a guarded module (stack-guard.ts): moved to where it has room, and armed. */

import type { Engine } from './engine.ts';
import { overflowText, stackBytes, usableBytes } from './stack-guard.ts';

/** A global variable of the module. */
interface Global {
  value: number;
}

/** The exports needed here. */
interface StackExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly __stack_pointer: Global;
  readonly __heap_base: Global;
  emscripten_get_sbrk_ptr(): number;
}

/**
 * Puts the engine's stack at the start of its heap, which then begins after it. Call it before any code of the module
 * runs.
 *
 * @throws Error for a module without guard or with another heap layout
 */
export function placeStack(exports: Readonly<Record<string, unknown>>): void {
  const {
    memory,
    __stack_pointer: pointer,
    __heap_base: heap,
    emscripten_get_sbrk_ptr,
  } = exports as never as StackExports;
  if (!(overflowText in exports)) throw new Error('the C stack of the engine is not guarded');
  const words = new Uint32Array(memory.buffer);
  const heapEnd = emscripten_get_sbrk_ptr() >>> 2;
  if (words[heapEnd] !== heap.value) throw new Error('cannot find the heap of the engine');
  words[heapEnd] = heap.value + stackBytes;
  pointer.value = heap.value + stackBytes;
}

/** PHP's own message at the end of a stack; 8.3 and later have it in another place. */
const message = (size: string): string => `Maximum call stack size${size} reached. Infinite recursion?`;
/** `E_ERROR` */
const fatalError = 1;

/**
 * Makes PHP end a script at the end of a stack. There are two: the C stack in the engine's memory, and V8's below it.
 */
export class StackOverflow {
  readonly #text: Global;
  readonly #pointer: Global;
  /** Position of the C stack while nothing runs. */
  readonly #top: number;
  readonly #guardMessage: number;
  readonly #message: number;
  readonly #raise: (...args: number[]) => Promise<number>;

  /** Create it while nothing runs. */
  constructor(engine: Engine) {
    const { memory } = engine;
    this.#text = engine.global(overflowText);
    this.#pointer = engine.global('__stack_pointer');
    this.#top = this.#pointer.value;
    this.#guardMessage = memory.allocateString(message(` of ${usableBytes} bytes`));
    this.#message = memory.allocateString(message(''));
    this.#raise = engine.suspendable('zend_error_noreturn');
  }

  /** Call it before each call of PHP: the guard ends a script only once, because the end may recurse as well. */
  arm(): void {
    this.#text.value = this.#guardMessage;
  }

  /**
   * Ends the script as the guard does, after V8 stopped it at a call that exceeded V8's stack: all C frames are gone,
   * and PHP sees its request as it was at that call.
   *
   * @throws any other error unchanged
   */
  async raise(error: unknown): Promise<void> {
    if (!isOverflow(error)) throw error;
    this.#pointer.value = this.#top;
    try {
      await this.#raise(fatalError, this.#message, 0);
    } catch {
      // PHP jumps from a fatal error to a frame that no longer exists, so the jump surfaces here.
    }
    this.#pointer.value = this.#top;
  }
}

function isOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message.startsWith('Maximum call stack size');
}
