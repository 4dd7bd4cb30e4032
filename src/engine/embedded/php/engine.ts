/**
 * Starts the WebAssembly binary with the package's own loader and gives access to its C functions, its memory
 * and its file system. Knows nothing of requests.
 */

import { pathToFileURL } from 'node:url';
import { placeStack } from './c-stack.ts';
import type { EmscriptenFs, Loader, LoaderModule, UserSpaceContext } from './emscripten.ts';
import { repairEnvironment } from './environment.ts';
import { EngineMemory } from './memory.ts';
import { addFunction, type FunctionTable } from './trampoline.ts';

/** A C function; pointers and 32-bit integers are numbers, 64-bit integers are bigints. */
export type CFunction = (...args: (number | bigint)[]) => number;

/** The imports of the binary, before it is instantiated: changed in place by {@link EngineOptions.repair}. */
export type EngineImports = Record<string, unknown>;

export interface EngineOptions {
  readonly module: WebAssembly.Module;
  readonly loaderPath: string;
  /** getpid() of scripts; unique within the host. */
  readonly processId: number;
  readonly env: readonly (readonly [string, string])[];
  readonly repair: (imports: EngineImports, engine: () => Engine) => void;
  readonly lockBinding: (context: UserSpaceContext, engine: () => Engine) => object;
}

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
    this.memory = new EngineMemory(exports['memory'] as { buffer: ArrayBuffer }, this.function('malloc'));
  }

  /** True when this build of PHP has the symbol. */
  has(name: string): boolean {
    return name in this.#exports;
  }

  /**
   * A C function to be called directly: it must not suspend.
   *
   * @throws ReferenceError when this build does not export it.
   */
  function(name: string): CFunction {
    const found = this.#exports[name];
    if (typeof found !== 'function') throw new ReferenceError(`the engine does not export "${name}"`);
    return found as CFunction;
  }

  /** A C function that may suspend (sleep, sockets, body): its call gives a promise. */
  suspendable(name: string): (...args: number[]) => Promise<number> {
    return WebAssembly.promising(this.function(name)) as (...args: number[]) => Promise<number>;
  }

  /** Address of a global variable of C. */
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

  /** A function pointer to JavaScript; see {@link addFunction}. */
  pointer(signature: string, call: ((...args: number[]) => unknown) | WebAssembly.Suspending): number {
    return addFunction(this.table, signature, call);
  }
}

/**
 * Starts the binary up to the end of its C constructors; PHP itself is not started.
 *
 * @throws Error when the loader gives up (out of memory, wrong Node).
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const { init } = (await import(pathToFileURL(options.loaderPath).href)) as LoaderModule;
  let engine: Engine | undefined;
  const current = (): Engine => {
    if (engine === undefined) throw new Error('the engine was called before it was started');
    return engine;
  };
  const ready = Promise.withResolvers<void>();
  let exports: Readonly<Record<string, unknown>> = {};
  const loader = init('NODE', {
    debug: false,
    // What it has to say when it gives up; the exception that follows says it as well.
    printErr: () => {},
    noExitRuntime: true,
    processId: options.processId,
    ENV: {},
    bindUserSpace: (context: UserSpaceContext) => options.lockBinding(context, current),
    instantiateWasm(
      imports: Record<string, EngineImports>,
      done: (i: WebAssembly.Instance, m: WebAssembly.Module) => void,
    ) {
      const env = imports['env'] as EngineImports;
      repairEnvironment(env, options.env, () => (exports['memory'] as { buffer: ArrayBuffer }).buffer);
      options.repair(env, current);
      WebAssembly.instantiate(options.module, imports).then((instance) => {
        exports = instance.exports;
        placeStack(exports);
        done(instance, options.module);
      }, ready.reject);
      return {};
    },
    onAbort: (reason: unknown) =>
      ready.reject(new Error(`the PHP engine gave up while it started: ${String(reason)}`)),
    onRuntimeInitialized: () => ready.resolve(),
  });
  await ready.promise;
  engine = new Engine(loader, exports);
  return engine;
}
