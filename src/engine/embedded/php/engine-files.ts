/** The files of an engine's package as threads get them: guarded (stack-guard.ts), the binary compiled. */

import { readFileSync } from 'node:fs';
import { free } from '../buffers.ts';
import { ModuleParts } from './binary-parts.ts';
import { readExtensions } from './extensions.ts';
import type { EnginePackage } from './package.ts';
import { replaceFunctions } from './replaced-functions.ts';
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
  const parts = new ModuleParts(readFileSync(wasmPath));
  const stack = stackOf(parts);
  guardEngine(parts, stack, replaceFunctions(parts));
  const guarded = parts.build();
  const compiled = WebAssembly.compile(guarded);
  const extensions = readExtensions(loaderPath, stack);
  const module = await compiled;
  // V8 has a copy.
  free(guarded.buffer);
  return { module, extensions };
}
