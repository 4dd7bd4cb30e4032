/**
 * Functions of one of PHP's modules, written in JavaScript. Before PHP's start they are a table that can be changed.
 */

import type { CFunction, Engine } from './engine.ts';
import { callFrame, functionEntry, functionEntryBytes, moduleEntry, zval } from './layout.ts';
import { type PhpValue, replaceValue } from './values.ts';

/** Called by PHP: the frame has the arguments, the result is a zval that holds null. */
export type PhpFunction = (frame: number, result: number) => void;
export type AsyncPhpFunction = (frame: number, result: number) => Promise<void>;

export class ModuleFunctions {
  readonly #engine: Engine;
  readonly #module: number;
  readonly #entryBytes: number;

  /**
   * @param symbol of the module's `zend_module_entry`, such as `basic_functions_module`
   * @param version of PHP, `8.4`
   */
  constructor(engine: Engine, version: string, symbol: string) {
    this.#engine = engine;
    this.#module = engine.address(symbol);
    this.#entryBytes = functionEntryBytes(version);
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /**
   * Replaces PHP's own function.
   *
   * @param make receives PHP's own, which may be called with the same arguments
   * @throws Error when this build lacks the function
   */
  replace(name: string, make: (own: CFunction) => PhpFunction): void {
    const entry = this.#entry(name);
    const replaced = make(this.#own(entry));
    this.#setHandler(entry, (frame = 0, result = 0) => replaced(frame, result));
  }

  /** The same for a function that waits, or calls something that may wait, such as the script's error handler. */
  replaceAsync(name: string, make: (own: CFunction) => AsyncPhpFunction): void {
    const entry = this.#entry(name);
    this.#setHandler(entry, new WebAssembly.Suspending(make(this.#own(entry))));
  }

  /** Removes a function; later ones move up. No-op when it is missing. */
  remove(name: string): void {
    const entry = this.#find(name);
    if (entry === undefined) return;
    const { bytes } = this.#engine.memory;
    let end = entry;
    while (this.#nameAt(end) !== undefined) end += this.#entryBytes;
    bytes.copyWithin(entry, entry + this.#entryBytes, end + this.#entryBytes);
  }

  #own(entry: number): CFunction {
    const { memory, table } = this.#engine;
    return table.get(memory.word(entry + functionEntry.handler)) as CFunction;
  }

  #setHandler(entry: number, call: ((...args: number[]) => unknown) | WebAssembly.Suspending): void {
    this.#engine.memory.setWord(entry + functionEntry.handler, this.#engine.pointer('vii', call));
  }

  #entry(name: string): number {
    const entry = this.#find(name);
    if (entry === undefined) throw new Error(`cannot find ${name}() in this PHP build`);
    return entry;
  }

  #find(wanted: string): number | undefined {
    let entry = this.#engine.memory.word(this.#module + moduleEntry.functions);
    for (let name = this.#nameAt(entry); name !== undefined; name = this.#nameAt(entry)) {
      if (name === wanted) return entry;
      entry += this.#entryBytes;
    }
    return undefined;
  }

  #nameAt(entry: number): string | undefined {
    const { memory } = this.#engine;
    const name = memory.word(entry + functionEntry.name);
    return name === 0 ? undefined : memory.string(name);
  }
}

export function argumentCount(engine: Engine, frame: number): number {
  return engine.memory.word(frame + callFrame.argumentCount);
}

/** Address of an argument's zval. */
export function argument(frame: number, index: number): number {
  return frame + callFrame.bytes + index * zval.size;
}

/**
 * Gives the running function other arguments, at most as many as it has, before its own implementation is called.
 * (Functions with the older way of parsing read the running function's frame instead of the one that they get.)
 */
export function setArguments(engine: Engine, frame: number, values: readonly PhpValue[]): void {
  const count = argumentCount(engine, frame);
  for (let index = 0; index < count; index += 1) {
    const value = values[index];
    if (value === undefined) engine.function('zval_ptr_dtor')(argument(frame, index));
    else replaceValue(engine, argument(frame, index), value);
  }
  engine.memory.setWord(frame + callFrame.argumentCount, Math.min(count, values.length));
}
