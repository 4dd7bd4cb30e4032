/** The running WebAssembly binary: its C functions, memory and file system. It knows nothing of requests. */

import type { EmscriptenFs, Loader } from './emscripten.ts';
import { EngineMemory, type GrowingMemory } from './memory.ts';
import { addFunction, type FunctionTable } from './trampoline.ts';

/** A C function; pointers and 32-bit integers are numbers, 64-bit integers are bigints. */
export type CFunction = (...args: (number | bigint)[]) => number;

/** The binary's imports before instantiation; `repair` of engine-start.ts changes them in place. */
export type EngineImports = Record<string, unknown>;

export class Engine {
  readonly fs: EmscriptenFs;
  readonly memory: EngineMemory;
  readonly table: FunctionTable;
  readonly loader: Loader;
  readonly #exports: Readonly<Record<string, unknown>>;

  constructor(loader: Loader, exports: Readonly<Record<string, unknown>>) {
    this.loader = loader;
    this.fs = loader.FS;
    this.#exports = exports;
    this.table = exports['__indirect_function_table'] as FunctionTable;
    this.memory = new EngineMemory(exports['memory'] as GrowingMemory, this.function('malloc'));
  }

  /** True when this PHP build exports the symbol. */
  has(name: string): boolean {
    return name in this.#exports;
  }

  /**
   * A C function for direct calls: it must not suspend.
   *
   * @throws ReferenceError when this build does not export it.
   */
  function(name: string): CFunction {
    const found = this.#exports[name];
    if (typeof found !== 'function') throw new ReferenceError(`the engine does not export "${name}"`);
    return found as CFunction;
  }

  /** A C function that may suspend (sleep, sockets, body); its call returns a promise. */
  suspendable(name: string): (...args: number[]) => Promise<number> {
    return WebAssembly.promising(this.function(name)) as (...args: number[]) => Promise<number>;
  }

  /** Address of a C global variable. */
  address(name: string): number {
    return this.global(name).value;
  }

  /** A global variable of the module itself. @throws ReferenceError when this build does not export it. */
  global(name: string): { value: number } {
    const found = this.#exports[name];
    const isNumber =
      typeof found === 'object' && found !== null && 'value' in found && typeof found.value === 'number';
    if (!isNumber) throw new ReferenceError(`the engine does not export "${name}"`);
    return found as { value: number };
  }

  /** A C function pointer to JavaScript; see {@link addFunction}. */
  pointer(signature: string, call: ((...args: number[]) => unknown) | WebAssembly.Suspending): number {
    return addFunction(this.table, signature, call);
  }
}
