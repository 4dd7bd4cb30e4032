/** The [HOST=] and [PATH=] sections of php.ini, which apply to requests of a host or below a folder. */

import { dirname } from 'node:path';
import type { Engine } from './engine.ts';

export class IniSections {
  readonly #engine: Engine;
  readonly #hasHosts: boolean;
  readonly #hasPaths: boolean;

  /** Create it after PHP's start, which reads php.ini. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.#hasHosts = engine.function('php_ini_has_per_host_config')() !== 0;
    this.#hasPaths = engine.function('php_ini_has_per_dir_config')() !== 0;
  }

  /** Applies the matching sections to the request about to start. */
  activate(script: string, serverName: string | undefined): void {
    if (this.#hasHosts && serverName) {
      this.#call('php_ini_activate_per_host_config', serverName.toLowerCase());
    }
    // PHP looks up the prefix before each slash, so the script's folder needs a final one.
    if (this.#hasPaths) this.#call('php_ini_activate_per_dir_config', `${dirname(script)}/`);
  }

  /** The C function modifies the text. */
  #call(name: string, text: string): void {
    const address = this.#engine.memory.allocateString(text);
    this.#engine.function(name)(address, text.length);
    this.#engine.function('free')(address);
  }
}
