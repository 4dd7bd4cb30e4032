/** setlocale() for scripts: as in glibc, only existing locales can be set. */

import type { PhpCalls } from './calls.ts';
import type { Engine } from './engine.ts';
import type { Environment } from './environment.ts';
import { elementsOf } from './hash-tables.ts';
import { zendString, zval, zvalType } from './layout.ts';
import type { LocaleNames } from './locale-names.ts';
import { argument, argumentCount, type ModuleFunctions, setArguments } from './module-functions.ts';
import { freeString, kindOf, replaceValue, writeValue } from './values.ts';

/** Queries the current name. */
const query = '0';
/** `LC_CTYPE` */
const characterCategory = 0;

export function installLocale(
  engine: Engine,
  functions: ModuleFunctions,
  calls: PhpCalls,
  names: LocaleNames,
  environment: Environment,
): void {
  functions.replaceAsync('setlocale', (own) => async (frame, result) => {
    // PHP's own function reports missing arguments.
    if (argumentCount(engine, frame) < 2) return void own(frame, result);
    const [category] = (await calls.arguments(frame, 'l', 1)) ?? [];
    if (typeof category !== 'number') return;
    for (const place of candidates(engine, frame)) {
      const name = await stringOf(engine, place);
      if (name === undefined) return;
      const found = name === query ? names.current(category) : names.set(category, name, environment.read());
      if (found === undefined) continue;
      // The engine's C library only distinguishes character types.
      const characters = names.current(characterCategory) === 'C' ? 'C' : 'C.UTF-8';
      if (name !== query) {
        setArguments(engine, frame, [characterCategory, characters]);
        own(frame, result);
      }
      return replaceValue(engine, result, found);
    }
    writeValue(engine, result, false);
  });
}

/** The zvals that contain names: arguments, and elements of array arguments. */
function candidates(engine: Engine, frame: number): number[] {
  const places: number[] = [];
  for (let index = 1; index < argumentCount(engine, frame); index += 1) {
    const place = argument(frame, index);
    const isArray = kindOf(engine, place) === (zvalType.array & 0xff);
    if (isArray) places.push(...elementsOf(engine, engine.memory.word(place + zval.value)));
    else places.push(place);
  }
  return places;
}

/** @returns undefined when PHP has thrown */
async function stringOf(engine: Engine, place: number): Promise<string | undefined> {
  const { memory } = engine;
  const string = await engine.suspendable('zval_try_get_string_func')(place);
  if (string === 0) return undefined;
  const text = memory.slice(string + zendString.bytes, memory.word(string + zendString.length));
  freeString(engine, string);
  return text;
}
