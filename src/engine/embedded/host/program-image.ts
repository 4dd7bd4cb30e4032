/**
 * The program of a worker thread as one value: all its modules as JavaScript text. Threads start from it, so a host
 * needs no file of Hathi after it gave up its rights, and none inside a chroot.
 *
 * Two parts are not text. The FFI's addon is a shared object already loaded by this process: dlopen(3) of the same path
 * then opens nothing (glibc; musl first checks the file, so there a pool needs to be able to read it). The engine's
 * binary goes to the threads compiled.
 */

import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { pathToFileURL } from 'node:url';
import { addonPath, ffiPackage } from '../../../posix/libc.ts';
import { StripCache } from './strip-cache.ts';

/** Structured-cloneable, for use in workerData. */
export interface ProgramImage {
  /** URL of the main module. */
  readonly entry: string;
  /** Text by URL. */
  readonly modules: ReadonlyMap<string, string>;
  /** The package of the addon, and the addon's URL. */
  readonly addon: { readonly specifier: string; readonly url: string };
}

/** A module of the thread's program does not fit into the image. */
export class ProgramImageError extends Error {
  readonly code = 'HATHI_PROGRAM_IMAGE';
}

/**
 * An import or re-export of another module, after type stripping. Between the keyword and `from` only names are
 * allowed, so that no other text of the program matches.
 */
const importStatement = /^(?:import\b[\w\s{},*$]*?|export\b[\w\s{},*$]*?\bfrom\b)\s*(['"])([^'"\n]+)\1/gm;

/**
 * Reads the modules imported by `entry`, and those of `others`, which it imports by a computed path.
 *
 * @param entry absolute paths of ES modules, in TypeScript or JavaScript.
 * @throws ProgramImageError for an import that is neither a file of the program nor a part of Node; the error of
 *   readFileSync() for a missing file.
 */
export function readProgram(entry: string, ...others: readonly string[]): ProgramImage {
  const modules = new Map<string, string>();
  const types = new StripCache(entry);
  const start = pathToFileURL(entry).href;
  const waiting = [start, ...others.map((path) => pathToFileURL(path).href)];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    if (modules.has(url)) continue;
    const text = readModule(url, types);
    modules.set(url, text);
    for (const [, , specifier = ''] of text.matchAll(importStatement)) {
      if (isBuiltin(specifier)) continue;
      if (!/^\.\.?\//.test(specifier)) throw foreign(specifier, url);
      waiting.push(new URL(specifier, url).href);
    }
  }
  types.save();
  return { entry: start, modules, addon: { specifier: ffiPackage, url: pathToFileURL(addonPath()).href } };
}

function foreign(specifier: string, url: string): ProgramImageError {
  return new ProgramImageError(
    `cannot start worker threads from memory: '${url}' imports '${specifier}', which is neither a file beside it nor a part of Node`,
  );
}

function readModule(url: string, types: StripCache): string {
  const source = readFileSync(new URL(url), 'utf8');
  return url.endsWith('.ts') ? types.strip(source) : source;
}

/** Program for `new Worker(…, { eval: true })` with the image as `program` in its workerData. */
export function bootProgram(): string {
  // `import` is in the text and not in the function: the compiler of the published package would wrap it in a helper
  // that the thread lacks. A rejection ends the thread by an error.
  return `import((${openImage.toString()})())`;
}

/**
 * Runs in the thread as separate text: nothing outside of the function exists there.
 *
 * @returns the module to import
 */
function openImage(): string {
  const { registerHooks } = process.getBuiltinModule('node:module');
  const { workerData } = process.getBuiltinModule('node:worker_threads');
  const { entry, modules, addon } = (workerData as { program: ProgramImage }).program;
  const urlOf = (specifier: string, parent: string | undefined): string => {
    if (specifier === addon.specifier) return addon.url;
    return /^\.\.?\//.test(specifier) ? new URL(specifier, parent).href : specifier;
  };
  registerHooks({
    resolve(specifier, context, next) {
      const url = urlOf(specifier, context.parentURL);
      if (url === addon.url) return { url, format: 'commonjs', shortCircuit: true };
      if (modules.has(url)) return { url, format: 'module', shortCircuit: true };
      return next(specifier, context);
    },
    load(url, context, next) {
      const source = modules.get(url);
      if (source !== undefined) return { format: 'module', source, shortCircuit: true };
      if (url !== addon.url) return next(url, context);
      return { format: 'commonjs', source: 'process.dlopen(module, __filename)', shortCircuit: true };
    },
  });
  return entry;
}
