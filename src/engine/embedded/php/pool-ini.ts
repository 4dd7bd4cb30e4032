/** php_value and php_admin_value of the pool, and PHP_VALUE and PHP_ADMIN_VALUE of a request. */

import type { Engine } from './engine.ts';
import { type IniEntries, type IniMode, type IniOutcome, iniMode } from './ini-entries.ts';
import type { IniParser } from './request-ini.ts';

type Entries = readonly (readonly [string, string])[];

/** Result for an ini value of the pool. */
export interface PoolValue {
  readonly setting: 'php_value' | 'php_admin_value';
  readonly name: string;
  readonly outcome: IniOutcome;
}

/** Values sent with a request. */
export interface RequestIni {
  readonly entries: readonly (readonly [name: string, value: string, mode: IniMode])[];
  readonly errors: readonly string[];
  /** True when a change is not undone by PHP at the end of the request. */
  readonly permanent: boolean;
}

export class PoolIni {
  readonly #engine: Engine;
  readonly #entries: IniEntries;
  readonly #parser: IniParser;

  constructor(engine: Engine, entries: IniEntries, parser: IniParser) {
    this.#engine = engine;
    this.#entries = entries;
    this.#parser = parser;
  }

  /**
   * Applies the pool's values permanently. PHP-FPM's order: user level first, each list backwards, so that admin values
   * and the first of duplicates win.
   *
   * @param report is called for each
   */
  async apply(phpValue: Entries, phpAdminValue: Entries, report: (value: PoolValue) => void): Promise<void> {
    const levels = [
      ['php_value', phpValue, iniMode.user],
      ['php_admin_value', phpAdminValue, iniMode.system],
    ] as const;
    for (const [setting, entries, mode] of levels) {
      for (const [name, value] of entries.toReversed()) {
        report({ setting, name, outcome: await this.#set(name, value, mode) });
      }
    }
  }

  async #set(name: string, value: string, mode: 1 | 4): Promise<IniOutcome> {
    // It was loaded at PHP's start, or a warning has been logged (ini.ts).
    if (name === 'extension') return 'set';
    if (name === 'disable_classes') this.#disableClasses(value);
    if (name === 'disable_functions') this.disableFunctions(value);
    return this.#entries.setMaster(name, value, mode);
  }

  /** Parses the values of a request and applies its disabled functions; before PHP starts the request. */
  readForRequest(phpValue: string | undefined, phpAdminValue: string | undefined): RequestIni {
    const entries: (readonly [string, string, IniMode])[] = [];
    const errors: string[] = [];
    let permanent = false;
    const levels = [
      [phpValue, iniMode.user],
      [phpAdminValue, iniMode.system],
    ] as const;
    for (const [text, mode] of levels) {
      if (text === undefined) continue;
      const parsed = this.#parser.parse(text);
      errors.push(...parsed.errors);
      for (const [name, value] of parsed.entries) {
        if (name === 'disable_functions' || name === 'disable_classes') {
          permanent = true;
          if (name === 'disable_functions') this.disableFunctions(value);
          else this.#disableClasses(value);
        } else entries.push([name, value, mode]);
      }
    }
    return { entries, errors, permanent };
  }

  /**
   * Applies values to a request that PHP has started: if one is refused by a fatal error, that ends the request and
   * spares the worker. PHP restores the old ones at its end.
   *
   * @returns a log line for each unknown entry
   */
  applyToRequest({ entries }: RequestIni): string[] {
    return entries
      .filter(([name, value, mode]) => !this.#entries.setForRequest(name, value, mode))
      .map(([name]) => `Passing INI directive through FastCGI: unable to set '${name}'`);
  }

  /** Disables functions by name, in addition to those already disabled. */
  disableFunctions(list: string): void {
    const { memory } = this.#engine;
    if (this.#engine.has('zend_disable_functions')) {
      this.#withString(list, (address) => this.#engine.function('zend_disable_functions')(address));
      return;
    }
    for (const name of memberNames(list)) {
      const address = memory.allocateString(name);
      this.#engine.function('zend_disable_function')(address, name.length);
      // PHP 7.4 keeps a pointer to the name.
    }
  }

  #disableClasses(list: string): void {
    if (!this.#engine.has('zend_disable_class')) return;
    for (const name of memberNames(list)) {
      this.#withString(name, (address) => this.#engine.function('zend_disable_class')(address, name.length));
    }
  }

  #withString(text: string, use: (address: number) => void): void {
    const address = this.#engine.memory.allocateString(text);
    use(address);
    this.#engine.function('free')(address);
  }
}

function memberNames(list: string): string[] {
  return list.split(/[ ,]+/).filter((name) => name !== '');
}
