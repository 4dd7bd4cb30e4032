/**
 * Functions of C in the engine's module that JavaScript takes the place of. Calls inside of the module go to a function
 * by its number, so its body is changed: it calls what a global variable points to.
 */

import { BinaryModuleError, encodeNumber, opcodes as op } from './binary-module.ts';
import { kinds, type ModuleParts } from './binary-parts.ts';
import type { Engine } from './engine.ts';

/** Their numbers of parameters, by name. */
const replaced = {
  /** select(), as this build has it: looks at one descriptor after the other, each for the whole time. */
  __wrap_select: 5,
} as const;

type Replaced = keyof typeof replaced;

/** The engine's function table. */
const table = 0;

const globalOf = (name: string): string => `hathi_${name}`;

/**
 * Adds the global variables to the module.
 *
 * @returns the new bodies by the functions' numbers
 * @throws BinaryModuleError when it has no such function
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

/** Says which function pointer takes the place; before the function is called for the first time. */
export function setReplaced(engine: Engine, name: Replaced, pointer: number): void {
  engine.global(globalOf(name)).value = pointer;
}
