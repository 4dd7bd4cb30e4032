/** Changes ini values of a running PHP: the pool's for good, a request's until its end. */

import type { Engine } from './engine.ts';
import { findElement, findTable, nameText } from './hash-tables.ts';
import { iniEntry, zendString } from './layout.ts';

/** Who may change an entry afterwards, and by whose right it is changed (`PHP_INI_*`). */
export const iniMode = { user: 1, perDirectory: 2, system: 4 } as const;
export type IniMode = (typeof iniMode)[keyof typeof iniMode];

/** `ZEND_INI_STAGE_*` */
const stage = { activate: 4, htaccess: 32 } as const;

/** Refcount 2 keeps PHP from ever freeing a string; type: persistent string. */
const immortal = [2, 0x96] as const;

/** What became of a value that was to be set. */
export type IniOutcome = 'set' | 'unknown' | 'refused';

export class IniEntries {
  readonly #engine: Engine;
  readonly #table: number;

  /** @throws Error when the table of ini entries cannot be found in this build. */
  constructor(engine: Engine) {
    this.#engine = engine;
    // One of its entries names itself.
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

  /** Current value; undefined when there is no such entry. */
  value(name: string): string | undefined {
    const entry = this.#lookUp(this.#table, name);
    if (entry === 0) return undefined;
    const value = this.#engine.memory.word(entry + iniEntry.value);
    return value === 0 ? '' : this.#text(value);
  }

  /**
   * Sets the value with which every request starts, as PHP-FPM does for php_value and php_admin_value: system
   * mode also locks the entry for scripts and .user.ini. A value that PHP refuses leaves the old one.
   */
  async setMaster(name: string, value: string, mode: IniMode): Promise<IniOutcome> {
    const { memory, table } = this.#engine;
    const entry = this.#lookUp(this.#table, name);
    if (entry === 0) return 'unknown';
    // In force already: some handlers refuse all that comes after PHP's start.
    const isSet = value !== '' && this.value(name) === value;
    const text = this.#string(value);
    const handler = memory.word(entry + iniEntry.onModify);
    if (handler !== 0 && !isSet) {
      const args = [iniEntry.argument1, iniEntry.argument2, iniEntry.argument3].map((at) =>
        memory.word(entry + at),
      );
      // A warning of the handler's is written outside of a request, and a write may suspend.
      const modify = WebAssembly.promising(table.get(handler) as (...args: number[]) => number);
      if ((await modify(entry, text, ...args, stage.activate)) !== 0) return 'refused';
    }
    memory.setWord(entry + iniEntry.value, text);
    if (mode === iniMode.system) memory.bytes[entry + iniEntry.modifiable] = iniMode.system;
    return 'set';
  }

  /**
   * Sets a value for the request that is about to start; PHP puts the old one back at its end.
   *
   * @returns false when there is no such entry or it refuses the value
   */
  setForRequest(name: string, value: string, mode: IniMode): boolean {
    const { memory } = this.#engine;
    const key = this.#string(name);
    const text = memory.allocateString(value);
    // Forced, as PHP-FPM does: php_value may set what is otherwise changeable per directory only.
    const change = this.#engine.function('zend_alter_ini_entry_chars_ex');
    const failed = change(key, text, value.length, mode, stage.activate, 1);
    this.#engine.function('free')(text);
    this.#engine.function('free')(key);
    return failed === 0;
  }

  /** Applies a table of parsed .user.ini entries to the request that is starting. */
  activateTable(table: number): void {
    this.#engine.function('php_ini_activate_config')(table, iniMode.perDirectory, stage.htaccess);
  }
}
