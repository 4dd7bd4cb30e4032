/**
 * SQLite's write-ahead log needs memory shared between all users of a database. Instances share none: writes of one
 * would be lost to the others without an error. So SQLite is told that this system has no shared memory: `PRAGMA
 * journal_mode=WAL` then returns the old mode, and a database in WAL mode is refused.
 */

import type { Engine } from './engine.ts';

/** Words of `sqlite3_io_methods` that are equal in SQLite's locking and lock-file variants for Unix. */
const sharedWords = [2, 3, 4, 5, 6];
/** `iVersion` with and without methods for shared memory. */
const version = { full: 3, plain: 1 } as const;

const patched = new WeakMap<Engine, number>();

/**
 * The method table has no exported name. Its neighbour identifies it: SQLite's dot-file variant is version 1 and has
 * the same functions for reading, writing, truncating, syncing and measuring.
 */
function findMethods(engine: Engine): number {
  const words = engine.memory.words;
  const end = engine.address('__heap_base') >>> 2;
  const functions = engine.table.length;
  const isTable = (at: number): boolean => {
    const pointers = sharedWords.map((offset) => words[at + offset] as number);
    const inTable = pointers.every((pointer) => pointer > version.full && pointer < functions);
    return inTable && new Set(pointers).size === pointers.length;
  };
  for (let at = 0; at < end; at += 1) {
    if (words[at] !== version.full || !isTable(at)) continue;
    const hasSharedMemory = (words[at + 13] as number) > 0 && (words[at + 13] as number) < functions;
    if (hasSharedMemory && hasNeighbour(words, at)) return at << 2;
  }
  return 0;
}

/** Maximum distance of the other method tables in words: they are constants of one source file. */
const neighbourhood = 256;

function hasNeighbour(words: Uint32Array, at: number): boolean {
  for (let other = Math.max(0, at - neighbourhood); other < at + neighbourhood; other += 1) {
    if (words[other] !== version.plain) continue;
    if (sharedWords.every((offset) => words[other + offset] === words[at + offset])) return true;
  }
  return false;
}

/**
 * Disables shared memory of SQLite in this instance.
 *
 * @throws Error when SQLite's method table cannot be found, so that no write can be lost
 */
export function refuseWal(engine: Engine): void {
  let address = patched.get(engine);
  if (address === undefined) {
    address = findMethods(engine);
    if (address === 0) throw new Error('cannot find the file methods of SQLite in this PHP build');
    patched.set(engine, address);
  }
  engine.memory.setWord(address, version.plain);
}
