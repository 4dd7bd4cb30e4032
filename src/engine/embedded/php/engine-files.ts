/** The files of an engine's package as threads get them: guarded (stack-guard.ts), the binary compiled. */

import { readFileSync } from 'node:fs';
import { readExtensions } from './extensions.ts';
import type { EnginePackage } from './package.ts';
import { guardEngine, stackOf } from './stack-guard.ts';

export interface EngineFiles {
  readonly module: WebAssembly.Module;
  /** Files of the extensions that can be loaded, by name. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads everything before it returns for the first time, then compiles.
 *
 * @throws Error of readFileSync(), BinaryModuleError, WebAssembly.CompileError
 */
export async function readEngine({ wasmPath, loaderPath }: EnginePackage): Promise<EngineFiles> {
  const bytes = readFileSync(wasmPath);
  const stack = stackOf(bytes);
  const compiled = WebAssembly.compile(guardEngine(bytes, stack));
  const extensions = readExtensions(loaderPath, stack);
  return { module: await compiled, extensions };
}
