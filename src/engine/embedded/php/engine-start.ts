/** Starts the WebAssembly binary with the package's own loader. */

import { pathToFileURL } from 'node:url';
import { placeStack } from './c-stack.ts';
import type { LoaderModule, UserSpaceContext } from './emscripten.ts';
import { Engine, type EngineImports } from './engine.ts';
import { repairEnvironment } from './environment.ts';

export interface EngineOptions {
  readonly module: WebAssembly.Module;
  readonly loaderPath: string;
  /** The value of getpid() in scripts; unique within the host. */
  readonly processId: number;
  readonly env: readonly (readonly [string, string])[];
  readonly repair: (imports: EngineImports, engine: () => Engine) => void;
  readonly lockBinding: (context: UserSpaceContext, engine: () => Engine) => object;
}

/**
 * Starts the binary up to the end of its C constructors, without starting PHP.
 *
 * @throws Error when the loader aborts (out of memory, unsupported Node).
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
    // The loader's last words are also in the exception that follows.
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
      ready.reject(new Error(`the PHP engine failed to start: ${String(reason)}`)),
    onRuntimeInitialized: () => ready.resolve(),
  });
  await ready.promise;
  engine = new Engine(loader, exports);
  return engine;
}
