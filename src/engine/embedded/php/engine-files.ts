/** The files of an engine's package, prepared for threads: guarded (stack-guard.ts) and compiled. */

import { free } from '../shared/buffers.ts';
import { ModuleParts } from './binary-parts.ts';
import { readExtensions } from './extensions.ts';
import { GuardCache } from './guard-cache.ts';
import type { EnginePackage } from './package.ts';
import { replaceFunctions } from './replaced-functions.ts';
import { guardEngine, guardExtension, stackOf } from './stack-guard.ts';

export interface EngineFiles {
  readonly module: WebAssembly.Module;
  /** Files of loadable extensions, by name. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads all files synchronously, then compiles.
 *
 * @throws Error of readFileSync(), BinaryModuleError, WebAssembly.CompileError
 */
export async function readEngine({ wasmPath, loaderPath }: EnginePackage): Promise<EngineFiles> {
  const cache = new GuardCache();
  const binary = cache.get(wasmPath, '', guarded);
  const compiled = WebAssembly.compile(binary);
  const stack = stackOf(new ModuleParts(binary));
  const extensions = readExtensions(loaderPath, (path) =>
    cache.get(path, JSON.stringify(stack), (bytes) => guardExtension(bytes, stack)),
  );
  const module = await compiled;
  // V8 has a copy.
  free(binary.buffer);
  return { module, extensions };
}

function guarded(bytes: Buffer): Buffer {
  const parts = new ModuleParts(bytes);
  guardEngine(parts, stackOf(parts), replaceFunctions(parts));
  return parts.build();
}
