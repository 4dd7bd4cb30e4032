/** PHP's values in the engine's memory: reads them, and creates them from JavaScript's. */

import type { CFunction, Engine } from './engine.ts';
import { zendString, zval, zvalType } from './layout.ts';

/** Strings are bytes (latin1); numbers are PHP's integers, floating point numbers have a class of their own. */
export type PhpValue = null | boolean | number | string | Float | readonly PhpValue[] | PhpMap;
export type PhpMap = ReadonlyMap<string, PhpValue>;

export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** The lowest byte of a zval's type word; the others are flags. */
const kindMask = 0xff;
/** Type word of a string in request memory. */
const stringType = 6 | (1 << 8);
/** Reference count and type of a new string. */
const freshString = [1, 6 | (1 << 4)] as const;

/** The type of a zval. */
export function kindOf(engine: Engine, address: number): number {
  return engine.memory.word(address + zval.type) & kindMask;
}

/** The string in a zval; undefined for other types. */
export function readString(engine: Engine, address: number): string | undefined {
  const { memory } = engine;
  if (kindOf(engine, address) !== (stringType & kindMask)) return undefined;
  const string = memory.word(address + zval.value);
  return memory.slice(string + zendString.bytes, memory.word(string + zendString.length));
}

/** The integer in a zval; undefined for other types. */
export function readLong(engine: Engine, address: number): number | undefined {
  if (kindOf(engine, address) !== zvalType.long) return undefined;
  return Number(engine.memory.bytes.readBigInt64LE(address + zval.value));
}

/** Stores a value in a zval whose old value needs no freeing. */
export function writeValue(engine: Engine, address: number, value: PhpValue): void {
  const { memory } = engine;
  const set = (type: number, word = 0): void => {
    memory.setWord(address + zval.value, word);
    memory.setWord(address + zval.type, type);
  };
  if (value === null) set(zvalType.null);
  else if (typeof value === 'boolean') set(value ? zvalType.true : zvalType.false);
  else if (typeof value === 'number') {
    set(zvalType.long);
    memory.bytes.writeBigInt64LE(BigInt(value), address + zval.value);
  } else if (value instanceof Float) {
    set(zvalType.double);
    memory.bytes.writeDoubleLE(value.value, address + zval.value);
  } else if (typeof value === 'string') set(stringType, makeString(engine, value));
  else set(zvalType.array, makeArray(engine, value));
}

/** Type word of a string without reference count. */
const internedType = 6;

/** Stores a permanent string in a zval, between PHP's start and its first request. */
export function writeInterned(engine: Engine, address: number, value: string): void {
  const { memory, table } = engine;
  const text = memory.allocateString(value);
  withPermanentStrings(engine, () => {
    const intern = table.get(memory.word(engine.address('zend_string_init_interned'))) as CFunction;
    memory.setWord(address + zval.value, intern(text, value.length, 1));
  });
  memory.setWord(address + zval.type, internedType);
  engine.function('free')(text);
}

/** Strings that PHP creates during `action` outlive the first request. */
export function withPermanentStrings(engine: Engine, action: () => void): void {
  const switchStorage = engine.function('zend_interned_strings_switch_storage');
  switchStorage(0);
  action();
  switchStorage(1);
}

/** Replaces the value of a zval. */
export function replaceValue(engine: Engine, address: number, value: PhpValue): void {
  engine.function('zval_ptr_dtor')(address);
  writeValue(engine, address, value);
}

/** Creates a `zend_string` in request memory. */
export function makeString(engine: Engine, text: string): number {
  const { memory } = engine;
  const string = engine.function('_emalloc')(zendString.bytes + text.length + 1);
  memory.setWord(string, freshString[0]);
  memory.setWord(string + 4, freshString[1]);
  // Its hash is not computed yet.
  memory.setWord(string + 8, 0);
  memory.setWord(string + 12, 0);
  memory.setWord(string + zendString.length, text.length);
  memory.writeString(string + zendString.bytes, text);
  return string;
}

function makeArray(engine: Engine, values: readonly PhpValue[] | PhpMap): number {
  const array = engine.function('_zend_new_array_0')();
  const element = engine.memory.allocate(zval.size);
  for (const [key, value] of values.entries()) {
    writeValue(engine, element, value);
    if (typeof key === 'number') engine.function('zend_hash_next_index_insert')(array, element);
    else {
      const name = engine.memory.allocateString(key);
      engine.function('zend_hash_str_update')(array, name, key.length, element);
      engine.function('free')(name);
    }
  }
  engine.function('free')(element);
  return array;
}

/** `IS_STR_INTERNED` */
const internedMark = 1 << 6;

/** Releases a `zend_string`. */
export function freeString(engine: Engine, string: number): void {
  const { memory } = engine;
  // Such a string has no reference count.
  if (memory.word(string + 4) & internedMark) return;
  const holder = memory.allocate(zval.size);
  memory.setWord(holder + zval.value, string);
  memory.setWord(holder + zval.type, stringType);
  engine.function('zval_ptr_dtor')(holder);
  engine.function('free')(holder);
}
