/** PHP's hash tables in the engine's memory: look-ups, and finding tables without a symbol. */

import type { Engine } from './engine.ts';
import { hashTable, zendString } from './layout.ts';

/** Bytes of a structure of globals that are searched for the pointer to a table. */
const searchedBytes = 8192;
const wordBytes = 4;
/** The wanted tables have hundreds of entries. */
const fewEntries = 50;

/** @returns the address of the element's zval, or 0 */
export function findElement(engine: Engine, table: number, key: string): number {
  const text = engine.memory.allocateString(key);
  const found = engine.function('zend_hash_str_find')(table, text, key.length);
  engine.function('free')(text);
  return found;
}

/**
 * Finds a table that a structure of globals points to. Its offset differs between PHP versions, so its content
 * identifies it.
 *
 * @param globals symbol of the structure
 */
export function findTable(
  engine: Engine,
  globals: string,
  isWanted: (table: number) => boolean,
): number | undefined {
  const start = engine.address(globals);
  for (let at = start; at < start + searchedBytes; at += wordBytes) {
    const table = engine.memory.word(at);
    if (looksLikeTable(engine, table) && isWanted(table)) return table;
  }
  return undefined;
}

function looksLikeTable({ memory }: Engine, address: number): boolean {
  if (address < 1024 || address % 8 !== 0 || address + hashTable.size > memory.byteLength) return false;
  const elements = memory.word(address + hashTable.elements);
  const used = memory.word(address + hashTable.used);
  const size = memory.word(address + hashTable.tableSize);
  const data = memory.word(address + hashTable.data);
  const powerOfTwo = size > 0 && (size & (size - 1)) === 0;
  return elements > fewEntries && elements <= used && used <= size && powerOfTwo && data < memory.byteLength;
}

/** The text of a `zend_string`; empty for one too long to be a name. */
export function nameText({ memory }: Engine, string: number): string {
  const length = memory.word(string + zendString.length);
  return length > 256 ? '' : memory.slice(string + zendString.bytes, length);
}

/** The addresses of the elements' zvals, in order; valid until the table changes. */
export function elementsOf(engine: Engine, table: number): number[] {
  const { memory } = engine;
  const position = memory.allocate(wordBytes);
  const found: number[] = [];
  engine.function('zend_hash_internal_pointer_reset_ex')(table, position);
  for (;;) {
    const element = engine.function('zend_hash_get_current_data_ex')(table, position);
    if (element === 0) break;
    found.push(element);
    engine.function('zend_hash_move_forward_ex')(table, position);
  }
  engine.function('free')(position);
  return found;
}
