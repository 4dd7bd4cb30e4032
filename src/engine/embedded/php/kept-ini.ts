/**
 * Ini values that a booted application has set: a request may change them, and others, until its end. PHP itself would
 * put all back to php.ini's.
 */

import type { CFunction, Engine } from './engine.ts';
import { nameText } from './hash-tables.ts';
import { type IniEntries, iniMode, iniStage } from './ini-entries.ts';
import { iniEntry } from './layout.ts';
import { freeString } from './values.ts';

interface Kept {
  readonly entry: number;
  /** A `zend_string` of which this holds a reference; 0 for none. */
  readonly value: number;
  readonly modifiable: number;
}

/** A bit of a string's type: it has no reference count. */
const internedMark = 1 << 6;

export class KeptIni {
  readonly #engine: Engine;
  readonly #attempt: (call: () => Promise<unknown>) => Promise<void>;
  readonly #entries: readonly number[];
  /** PHP takes its value when a request starts, and refuses `user` at any other time. */
  readonly #saveHandler: number | undefined;
  #kept: Kept[] = [];

  /** @param attempt calls what may end by a fatal error, and goes on after one */
  constructor(engine: Engine, entries: IniEntries, attempt: (call: () => Promise<unknown>) => Promise<void>) {
    this.#engine = engine;
    this.#attempt = attempt;
    this.#entries = entries.addresses();
    this.#saveHandler = this.#entries.find((entry) => this.#nameOf(entry) === 'session.save_handler');
  }

  #nameOf(entry: number): string {
    return nameText(this.#engine, this.#engine.memory.word(entry + iniEntry.name));
  }

  /** Remembers the application's values, before a request. */
  keep(): void {
    const { memory } = this.#engine;
    this.#kept = this.#modified().map((entry) => {
      const value = memory.word(entry + iniEntry.value);
      this.#hold(value);
      return { entry, value, modifiable: memory.bytes[entry + iniEntry.modifiable] ?? 0 };
    });
  }

  /** Undoes the changes since then. */
  async restore(): Promise<void> {
    const kept = new Set(this.#kept.map(({ entry }) => entry));
    const others = this.#modified().filter((entry) => !kept.has(entry));
    for (const one of this.#kept.splice(0)) await this.#putBack(one);
    const { memory } = this.#engine;
    const reset = this.#engine.suspendable('zend_restore_ini_entry');
    for (const entry of others) await reset(memory.word(entry + iniEntry.name), iniStage.deactivate);
  }

  #modified(): number[] {
    const { bytes } = this.#engine.memory;
    return this.#entries.filter((entry) => bytes[entry + iniEntry.modified] !== 0);
  }

  async #putBack({ entry, value, modifiable }: Kept): Promise<void> {
    const { memory } = this.#engine;
    const now = memory.word(entry + iniEntry.value);
    if (memory.bytes[entry + iniEntry.modified] === 0 && value !== 0) {
      // The request has restored php.ini's value.
      const name = memory.word(entry + iniEntry.name);
      await this.#engine.suspendable('zend_alter_ini_entry')(name, value, iniMode.system, iniStage.activate);
      this.#release(value);
    } else if (now === value) {
      this.#release(value);
    } else {
      await this.#apply(entry, value);
      if (now !== 0 && now !== memory.word(entry + iniEntry.original)) this.#release(now);
      memory.setWord(entry + iniEntry.value, value);
    }
    memory.bytes[entry + iniEntry.modifiable] = modifiable;
  }

  /** A refusal is ignored: the value was accepted before. */
  async #apply(entry: number, value: number): Promise<void> {
    const { memory, table } = this.#engine;
    const handler = memory.word(entry + iniEntry.onModify);
    if (handler === 0 || entry === this.#saveHandler) return;
    const args = [iniEntry.argument1, iniEntry.argument2, iniEntry.argument3].map((at) =>
      memory.word(entry + at),
    );
    const modify = WebAssembly.promising(table.get(handler) as CFunction) as (
      ...args: number[]
    ) => Promise<number>;
    await this.#attempt(() => modify(entry, value, ...args, iniStage.deactivate));
  }

  #hold(string: number): void {
    const { memory } = this.#engine;
    if (string !== 0 && (memory.word(string + 4) & internedMark) === 0) {
      memory.setWord(string, memory.word(string) + 1);
    }
  }

  #release(string: number): void {
    if (string !== 0) freeString(this.#engine, string);
  }
}
