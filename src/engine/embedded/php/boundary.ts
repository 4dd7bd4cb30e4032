/**
 * The boundary between C and JavaScript. A system call of C fails by a number; so that is what an error becomes that
 * JavaScript has thrown inside of one, whatever it is: thrown on through C's frames it would end the request, and with
 * it the worker.
 */

import type { EngineImports } from './engine.ts';
import { errorNumber } from './errno.ts';

type Call = (...args: never[]) => unknown;

/** System calls give 0 or more, or the negative number of an error; WASI's functions give 0 or the number. */
const systemCall = /^__syscall_/;
const wasiFunction = /^fd_/;

/** Errors that are the engine's own way to end: traps, exceptions of C, exit(). */
function endsEngine(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  const isOverflow = error instanceof RangeError && error.message.startsWith('Maximum call stack');
  return isOverflow || error instanceof WebAssembly.RuntimeError || error.name === 'ExitStatus';
}

/**
 * The same function, which fails by a number where it would throw.
 *
 * @param failed makes the result out of the number of an error.
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

/** Guards what the binary imports of system calls. To be called before they are replaced, and after. */
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

/** An import or function pointer that may wait; fails by a number where it would throw. */
export function suspending(call: Call, failed: (errno: number) => number): WebAssembly.Suspending {
  return new WebAssembly.Suspending(guarded(call, failed));
}
