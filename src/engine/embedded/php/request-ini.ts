/** `PHP_VALUE` and `PHP_ADMIN_VALUE`: ini text that a web server sends with one request. */

import type { Engine } from './engine.ts';
import { zendString, zval } from './layout.ts';

/** `ZEND_INI_PARSER_ENTRY` */
const plainEntry = 1;
/** PHP's scanner reads beyond the end of its input. */
const lookAhead = 64;
const scannerNormal = 0;

export interface IniText {
  readonly entries: readonly (readonly [string, string])[];
  /** PHP-FPM's messages about refused entries. */
  readonly errors: readonly string[];
}

/**
 * Parses ini text with PHP's own parser, so that constants, quoting and booleans have the same meaning as in php.ini.
 */
export class IniParser {
  readonly #engine: Engine;
  readonly #callback: number;
  #entries: (readonly [string, string])[] = [];
  #errors: string[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#callback = engine.pointer('viiiii', (key = 0, value = 0, _index = 0, type = 0) =>
      this.#take(key, value, type),
    );
  }

  parse(text: string): IniText {
    this.#entries = [];
    this.#errors = [];
    const { memory } = this.#engine;
    const size = text.length + lookAhead;
    const address = memory.allocate(size);
    memory.bytes.fill(0, address, address + size);
    memory.writeString(address, `${text}\n`);
    this.#engine.function('zend_parse_ini_string')(address, 1, scannerNormal, this.#callback, 0);
    this.#engine.function('free')(address);
    return { entries: this.#entries, errors: this.#errors };
  }

  #take(key: number, value: number, type: number): void {
    const prefix = 'Passing INI directive through FastCGI:';
    if (type !== plainEntry) {
      this.#errors.push(`${prefix} only classic entries are allowed`);
      return;
    }
    const name = this.#text(key);
    if (name === '') this.#errors.push(`${prefix} empty key`);
    else if (value === 0) this.#errors.push(`${prefix} empty value for key '${name}'`);
    else this.#entries.push([name, this.#text(value)]);
  }

  #text(address: number): string {
    if (address === 0) return '';
    const { memory } = this.#engine;
    const string = memory.word(address + zval.value);
    return memory.slice(string + zendString.bytes, memory.word(string + zendString.length));
  }
}
