/** One of PHP's own classes: its methods and constants can be changed once PHP has started. */

import type { CFunction, Engine } from './engine.ts';
import { findElement, findTable } from './hash-tables.ts';
import { hashTable } from './layout.ts';
import type { AsyncPhpFunction, PhpFunction } from './module-functions.ts';

/** Tables of a `zend_class_entry`; they are adjacent. */
const functionTable = 40;
const constantsTable = functionTable + 2 * hashTable.size;
/** Words of a `zend_internal_function` that are searched for its handler. */
const functionWords = 20;
const wordBytes = 4;

export class InternalClass {
  readonly #engine: Engine;
  readonly #name: string;
  readonly #entry: number;

  private constructor(engine: Engine, name: string, entry: number) {
    this.#engine = engine;
    this.#name = name;
    this.#entry = entry;
  }

  /** @returns undefined when this build lacks the class */
  static find(engine: Engine, name: string): InternalClass | undefined {
    const entry = findElement(engine, classTable(engine), name.toLowerCase());
    return entry === 0 ? undefined : new InternalClass(engine, name, engine.memory.word(entry));
  }

  /**
   * Replaces a method.
   *
   * @param method in lower case
   * @param implementation name of its C function
   * @throws Error when the class lacks the method
   */
  replaceMethod(method: string, implementation: string, make: (own: CFunction) => PhpFunction): void {
    const { memory } = this.#engine;
    const own = this.#engine.function(implementation);
    const replaced = make(own);
    const call = (frame = 0, result = 0): void => replaced(frame, result);
    memory.setWord(this.#handler(method, own), this.#engine.pointer('vii', call));
  }

  /** The same for a method that waits, or calls something that may wait. */
  replaceMethodAsync(method: string, implementation: string, replaced: AsyncPhpFunction): void {
    const slot = this.#handler(method, this.#engine.function(implementation));
    this.#engine.memory.setWord(slot, this.#engine.pointer('vii', new WebAssembly.Suspending(replaced)));
  }

  /** Removes a constant; no-op when it is missing. */
  removeConstant(name: string): void {
    const { memory } = this.#engine;
    const text = memory.allocateString(name);
    this.#engine.function('zend_hash_str_del')(this.#entry + constantsTable, text, name.length);
    this.#engine.function('free')(text);
  }

  #handler(method: string, own: CFunction): number {
    const { memory, table } = this.#engine;
    const found = findElement(this.#engine, this.#entry + functionTable, method);
    const start = found === 0 ? 0 : memory.word(found);
    for (let at = start; start !== 0 && at < start + functionWords * wordBytes; at += wordBytes) {
      const index = memory.word(at);
      if (index > 0 && index < table.length && table.get(index) === own) return at;
    }
    throw new Error(`cannot find ${this.#name}::${method}() in this PHP build`);
  }
}

function classTable(engine: Engine): number {
  const known = ['stdclass', 'exception'];
  const table = findTable(engine, 'compiler_globals', (candidate) =>
    known.every((name) => findElement(engine, candidate, name) !== 0),
  );
  if (table === undefined) throw new Error('cannot find the classes of this PHP build');
  return table;
}
