/**
 * C functions of the engine's module that JavaScript replaces. Calls within the module use a function's number, so its
 * body is changed: it calls the target of a global variable.
 */

import { BinaryModuleError, encodeNumber, opcodes as op } from './binary-module.ts';
import { kinds, type ModuleParts } from './binary-parts.ts';
import type { Engine } from './engine.ts';

/** Number of parameters, by name. */
const replaced = {
  /** select() of this build: it waits for one descriptor after the other, each for the whole time. */
  __wrap_select: 5,
} as const;

type Replaced = keyof typeof replaced;

/** The engine's function table. */
const table = 0;

const globalOf = (name: string): string => `hathi_${name}`;

/**
 * Adds the global variables to the module.
 *
 * @returns the new bodies by function number
 * @throws BinaryModuleError when the module lacks such a function
 */
export function replaceFunctions(parts: ModuleParts): ReadonlyMap<number, readonly number[]> {
  const exports = parts.exports(kinds.function);
  const bodies = new Map<number, readonly number[]>();
  for (const [name, parameters] of Object.entries(replaced)) {
    const index = exports.get(name);
    if (index === undefined) throw new BinaryModuleError(`the module does not export "${name}"`);
    bodies.set(index, [
      0,
      ...Array.from({ length: parameters }, (_parameter, number) => [op.localGet, number]).flat(),
      ...[op.globalGet, ...encodeNumber(parts.addGlobal(globalOf(name)))],
      ...[op.callIndirect, ...encodeNumber(parts.typeOf(index)), table],
      op.end,
    ]);
  }
  return bodies;
}

/** Sets the function pointer of a replacement, before the function's first call. */
export function setReplaced(engine: Engine, name: Replaced, pointer: number): void {
  engine.global(globalOf(name)).value = pointer;
}
