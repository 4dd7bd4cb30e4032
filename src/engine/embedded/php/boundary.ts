/**
 * The boundary between C and JavaScript. A C system call fails by a number, so every JavaScript error inside one
 * becomes a number: thrown through C's frames it would end the request and the worker.
 */

import type { EngineImports } from './engine.ts';
import { errorNumber } from './errno.ts';

type Call = (...args: never[]) => unknown;

/** System calls return 0 or more, or a negative error number; WASI's functions return 0 or the error number. */
const systemCall = /^__syscall_/;
const wasiFunction = /^fd_/;

/** Errors that end the engine: traps, exceptions of C, exit(). */
function endsEngine(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  const isOverflow = error instanceof RangeError && error.message.startsWith('Maximum call stack');
  return isOverflow || error instanceof WebAssembly.RuntimeError || error.name === 'ExitStatus';
}

/**
 * The same function, but errors become numbers instead of exceptions.
 *
 * @param failed makes the result from an error number.
 */
export function guarded<T extends Call>(call: T, failed: (errno: number) => number): T {
  const fail = (error: unknown): number => {
    if (endsEngine(error)) throw error;
    return failed(errorNumber(error));
  };
  const guard = (...args: Parameters<T>): unknown => {
    try {
      const result = call(...args);
      return result instanceof Promise ? result.catch(fail) : result;
    } catch (error) {
      return fail(error);
    }
  };
  return guard as T;
}

/** Guards the binary's imports of system calls. Call it before and after they are replaced. */
export function guardImports(imports: EngineImports): void {
  for (const [name, call] of Object.entries(imports)) {
    if (typeof call !== 'function' || known.has(call)) continue;
    const failed = failureOf(name);
    if (failed === undefined) continue;
    const guard = guarded(call as Call, failed);
    known.add(guard);
    imports[name] = guard;
  }
}

const known = new WeakSet<object>();

function failureOf(name: string): ((errno: number) => number) | undefined {
  if (systemCall.test(name)) return (errno) => -errno;
  return wasiFunction.test(name) ? (errno) => errno : undefined;
}

/** An import or function pointer that may suspend; errors become numbers instead of exceptions. */
export function suspending(call: Call, failed: (errno: number) => number): WebAssembly.Suspending {
  return new WebAssembly.Suspending(guarded(call, failed));
}
