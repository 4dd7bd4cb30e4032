/** glob() with GLOB_BRACE, which the engine's C library lacks. PHP 8.5 has its own. */

import { expandBraces } from './braces.ts';
import type { PhpCalls } from './calls.ts';
import type { Engine } from './engine.ts';
import { elementsOf } from './hash-tables.ts';
import { addLongToConstant, registerLong } from './host-constants.ts';
import { zval, zvalType } from './layout.ts';
import { type ModuleFunctions, setArguments } from './module-functions.ts';
import { kindOf, readString, replaceValue } from './values.ts';

/** PHP's flags on Linux that differ between the two C libraries. */
const flag = { noCheck: 16, noEscape: 64, brace: 1024 } as const;
/** GLOB_ERR, GLOB_MARK, GLOB_NOSORT, GLOB_ONLYDIR and those above: the constant GLOB_AVAILABLE_FLAGS. */
const available = 1 | 2 | 4 | (1 << 30) | flag.noCheck | flag.noEscape | flag.brace;

function isNeeded(version: string): boolean {
  return Number(version) < 8.5;
}

export function installGlob(
  engine: Engine,
  functions: ModuleFunctions,
  version: string,
  calls: PhpCalls,
): void {
  if (!isNeeded(version)) return;
  functions.replaceAsync('glob', (own) => {
    const call = WebAssembly.promising(own) as (frame: number, result: number) => Promise<void>;
    return async (frame, result) => {
      const [pattern, flags] = (await calls.arguments(frame, 'p|l')) ?? [];
      if (typeof pattern !== 'string') return;
      const hasBraces = typeof flags === 'number' && (flags & flag.brace) !== 0;
      // PHP's own function reports other flags.
      if (!hasBraces || (flags & ~available) !== 0) return await call(frame, result);
      const found: string[] = [];
      let isRefused = false;
      for (const part of expandBraces(pattern, (flags & flag.noEscape) === 0)) {
        setArguments(engine, frame, [part, flags & ~(flag.brace | flag.noCheck)]);
        await call(frame, result);
        // Filters matches by open_basedir.
        if (kindOf(engine, result) !== (zvalType.array & 0xff)) isRefused = true;
        else found.push(...strings(engine, result));
      }
      const isPattern = found.length === 0 && (flags & flag.noCheck) !== 0;
      if (isPattern) found.push(pattern);
      replaceValue(engine, result, isRefused && found.length === 0 ? false : found);
    };
  });
}

function strings(engine: Engine, array: number): string[] {
  const elements = elementsOf(engine, engine.memory.word(array + zval.value));
  return elements.map((element) => readString(engine, element) ?? '');
}

/** Call it after PHP's start and before its first request. */
export function addGlobConstant(engine: Engine, version: string): void {
  if (!isNeeded(version)) return;
  registerLong(engine, version, 'GLOB_BRACE', flag.brace);
  addLongToConstant(engine, 'GLOB_AVAILABLE_FLAGS', flag.brace);
}
