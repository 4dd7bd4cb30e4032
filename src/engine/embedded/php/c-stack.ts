/** The C stack of a running engine, whose module is guarded (stack-guard.ts): put where it has room, and armed. */

import type { Engine } from './engine.ts';
import { overflowText, stackBytes, usableBytes } from './stack-guard.ts';

/** A global variable of the module. */
interface Global {
  value: number;
}

/** What of a module's exports is needed. */
interface StackExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly __stack_pointer: Global;
  readonly __heap_base: Global;
  emscripten_get_sbrk_ptr(): number;
}

/**
 * Gives the engine its stack, at the start of the heap, which then begins behind it. To be called before anything of
 * the module has run.
 *
 * @throws Error for a module that is not guarded, or that keeps its heap in another way
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

/** What PHP ends a script with that comes to the end of a stack; 8.3 and up say it so elsewhere. */
const message = (size: string): string => `Maximum call stack size${size} reached. Infinite recursion?`;
/** `E_ERROR` */
const fatalError = 1;

/** Has PHP end such a script. There are two stacks: the C stack in the engine's memory, and V8's under it. */
export class StackOverflow {
  readonly #text: Global;
  readonly #pointer: Global;
  /** Where the C stack is while nothing runs. */
  readonly #top: number;
  readonly #guardMessage: number;
  readonly #message: number;
  readonly #raise: (...args: number[]) => Promise<number>;

  /** To be made while nothing runs. */
  constructor(engine: Engine) {
    const { memory } = engine;
    this.#text = engine.global(overflowText);
    this.#pointer = engine.global('__stack_pointer');
    this.#top = this.#pointer.value;
    this.#guardMessage = memory.allocateString(message(` of ${usableBytes} bytes`));
    this.#message = memory.allocateString(message(''));
    this.#raise = engine.suspendable('zend_error_noreturn');
  }

  /** To be called before PHP is: the guard has it end a script once, for fear of recursion in the end, too. */
  arm(): void {
    this.#text.value = this.#guardMessage;
  }

  /**
   * Ends the script as the guard does, after V8 has ended it at a call for which its stack had no room: all C frames
   * are gone, and PHP finds its request as it was at that call.
   *
   * @throws the error itself when it is another
   */
  async raise(error: unknown): Promise<void> {
    if (!isOverflow(error)) throw error;
    this.#pointer.value = this.#top;
    try {
      await this.#raise(fatalError, this.#message, 0);
    } catch {
      // PHP's way out of a fatal error leads to a frame that is gone, so it comes out here.
    }
    this.#pointer.value = this.#top;
  }
}

function isOverflow(error: unknown): boolean {
  return error instanceof RangeError && error.message.startsWith('Maximum call stack size');
}
