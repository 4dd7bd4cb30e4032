/** The environment of C: PHP's initial one, and the one that scripts have changed. */

import { asBinary, decodeBinary } from '../../../text/binary.ts';
import type { Engine, EngineImports } from './engine.ts';
import { hashBucket, hashTable, zendString, zval, zvalType } from './layout.ts';
import { readString } from './values.ts';

type Entries = readonly (readonly [string, string])[];

/**
 * Gives C the environment unchanged: bytes in order, first of duplicate names, no additions. The loader would add
 * entries, sort its own names first and treat bytes as UTF-16.
 *
 * @param memory the binary's memory; called when C reads its environment
 */
export function repairEnvironment(imports: EngineImports, env: Entries, memory: () => ArrayBuffer): void {
  const names = new Set<string>();
  const isFirst = ([name]: readonly [string, string]): boolean => names.size !== names.add(name).size;
  const strings = env.filter(isFirst).map(([name, value]) => Buffer.from(`${name}=${value}\0`, 'latin1'));
  imports['environ_sizes_get'] = (count: number, size: number): number => {
    const words = new Uint32Array(memory());
    words[count >>> 2] = strings.length;
    words[size >>> 2] = Buffer.concat(strings).length;
    return 0;
  };
  imports['environ_get'] = (pointers: number, buffer: number): number => {
    const words = new Uint32Array(memory());
    let at = buffer;
    for (const [index, string] of strings.entries()) {
      words[(pointers >>> 2) + index] = at;
      at += string.copy(Buffer.from(memory()), at);
    }
    return 0;
  };
}

/** The pointer to PHP's own function that copies the environment into an array. */
const importSymbol = 'php_import_environment_variables';

export class Environment {
  readonly #engine: Engine;
  readonly #import: (array: number) => void;

  /** Create it before sapi.ts redirects the pointer. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.#import = engine.table.get(engine.memory.word(engine.address(importSymbol))) as (
      array: number,
    ) => void;
  }

  /** The environment as changed by scripts' putenv(), for their children; during a request. */
  read(): NodeJS.ProcessEnv {
    const { memory } = this.#engine;
    const array = memory.allocate(zval.size);
    memory.setWord(array + zval.value, this.#engine.function('_zend_new_array_0')());
    memory.setWord(array + zval.type, zvalType.array);
    this.#import(array);
    const entries = this.#entries(memory.word(array + zval.value));
    this.#engine.function('zval_ptr_dtor')(array);
    this.#engine.function('free')(array);
    return Object.fromEntries(entries);
  }

  #entries(table: number): [name: string, value: string][] {
    const { memory } = this.#engine;
    const data = memory.word(table + hashTable.data);
    const entries: [string, string][] = [];
    for (let index = 0; index < memory.word(table + hashTable.used); index += 1) {
      const bucket = data + index * hashBucket.bytes;
      const value = readString(this.#engine, bucket);
      if (value === undefined) continue;
      const key = memory.word(bucket + hashBucket.key);
      // A name of digits is an integer key in PHP.
      const name =
        key === 0
          ? String(memory.bytes.readBigInt64LE(bucket + hashBucket.hash))
          : memory.slice(key + zendString.bytes, memory.word(key + zendString.length));
      entries.push([text(name), text(value)]);
    }
    return entries;
  }
}

/** Node passes environments to children as UTF-8. */
function text(bytes: string): string {
  return decodeBinary(asBinary(bytes));
}
