/** Changes ini values of a running PHP: the pool's permanently, a request's until its end. */

import type { Engine } from './engine.ts';
import { elementsOf, findElement, findTable, nameText } from './hash-tables.ts';
import { iniEntry, zendString } from './layout.ts';

/** The users that may change an entry later, and the right by which it is changed (`PHP_INI_*`). */
export const iniMode = { user: 1, perDirectory: 2, system: 4 } as const;
export type IniMode = (typeof iniMode)[keyof typeof iniMode];

/** `ZEND_INI_STAGE_*` */
export const iniStage = { activate: 4, deactivate: 8, htaccess: 32 } as const;

/** Refcount 2 keeps PHP from freeing the string; type: persistent string. */
const immortal = [2, 0x96] as const;

/** Result of setting a value. */
export type IniOutcome = 'set' | 'unknown' | 'refused';

export class IniEntries {
  readonly #engine: Engine;
  readonly #table: number;

  /** @throws Error when the table of ini entries cannot be found in this build */
  constructor(engine: Engine) {
    this.#engine = engine;
    // One of its entries has its own name.
    const table = findTable(engine, 'executor_globals', (candidate) => {
      const entry = findElement(engine, candidate, 'memory_limit');
      if (entry === 0) return false;
      return (
        nameText(engine, engine.memory.word(engine.memory.word(entry) + iniEntry.name)) === 'memory_limit'
      );
    });
    if (table === undefined) throw new Error('cannot find the ini entries of this PHP build');
    this.#table = table;
  }

  #text(string: number): string {
    return nameText(this.#engine, string);
  }

  #lookUp(table: number, name: string): number {
    const found = findElement(this.#engine, table, name);
    return found === 0 ? 0 : this.#engine.memory.word(found);
  }

  /** A zend_string that PHP never frees. */
  #string(text: string): number {
    const { memory } = this.#engine;
    const address = memory.allocate(zendString.bytes + text.length + 1);
    memory.setWord(address, immortal[0]);
    memory.setWord(address + 4, immortal[1]);
    memory.setWord(address + 8, 0);
    memory.setWord(address + 12, 0);
    memory.setWord(address + zendString.length, text.length);
    memory.writeString(address + zendString.bytes, text);
    return address;
  }

  /** Current value; undefined for an unknown entry. */
  value(name: string): string | undefined {
    const entry = this.#lookUp(this.#table, name);
    if (entry === 0) return undefined;
    const value = this.#engine.memory.word(entry + iniEntry.value);
    return value === 0 ? '' : this.#text(value);
  }

  /**
   * Sets the initial value of every request, as PHP-FPM does for php_value and php_admin_value: system mode also locks
   * the entry for scripts and .user.ini. If PHP refuses the value, the old one stays.
   */
  async setMaster(name: string, value: string, mode: IniMode): Promise<IniOutcome> {
    const { memory, table } = this.#engine;
    const entry = this.#lookUp(this.#table, name);
    if (entry === 0) return 'unknown';
    // Already set: some handlers refuse every change after PHP's start.
    const isSet = value !== '' && this.value(name) === value;
    const text = this.#string(value);
    const handler = memory.word(entry + iniEntry.onModify);
    if (handler !== 0 && !isSet) {
      const args = [iniEntry.argument1, iniEntry.argument2, iniEntry.argument3].map((at) =>
        memory.word(entry + at),
      );
      // The handler may warn outside of a request, and that write may suspend.
      const modify = WebAssembly.promising(table.get(handler) as (...args: number[]) => number);
      if ((await modify(entry, text, ...args, iniStage.activate)) !== 0) return 'refused';
    }
    memory.setWord(entry + iniEntry.value, text);
    if (mode === iniMode.system) memory.bytes[entry + iniEntry.modifiable] = iniMode.system;
    return 'set';
  }

  /**
   * Sets a value for the request about to start; PHP restores the old one at its end.
   *
   * @returns false when the entry is unknown or refuses the value
   */
  setForRequest(name: string, value: string, mode: IniMode): boolean {
    const { memory } = this.#engine;
    const key = this.#string(name);
    const text = memory.allocateString(value);
    // Forced, as in PHP-FPM: php_value may set entries that are otherwise changeable only per directory.
    const change = this.#engine.function('zend_alter_ini_entry_chars_ex');
    const failed = change(key, text, value.length, mode, iniStage.activate, 1);
    this.#engine.function('free')(text);
    this.#engine.function('free')(key);
    return failed === 0;
  }

  /** The addresses of all entries; they stay where they are. */
  addresses(): number[] {
    return elementsOf(this.#engine, this.#table).map((element) => this.#engine.memory.word(element));
  }

  /** Applies parsed .user.ini entries to the request about to start. */
  activateTable(table: number): void {
    this.#engine.function('php_ini_activate_config')(table, iniMode.perDirectory, iniStage.htaccess);
  }
}
