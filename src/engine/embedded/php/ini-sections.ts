/** The [HOST=] and [PATH=] sections of php.ini, which hold for requests of a host or below a folder. */

import { dirname } from 'node:path';
import type { Engine } from './engine.ts';

export class IniSections {
  readonly #engine: Engine;
  readonly #hasHosts: boolean;
  readonly #hasPaths: boolean;

  /** To be made after PHP's start, which reads php.ini. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.#hasHosts = engine.function('php_ini_has_per_host_config')() !== 0;
    this.#hasPaths = engine.function('php_ini_has_per_dir_config')() !== 0;
  }

  /** Applies those of the request that is starting. */
  activate(script: string, serverName: string | undefined): void {
    if (this.#hasHosts && serverName) {
      this.#call('php_ini_activate_per_host_config', serverName.toLowerCase());
    }
    // PHP looks up what stands before each slash, so the folder of the script needs one at its end.
    if (this.#hasPaths) this.#call('php_ini_activate_per_dir_config', `${dirname(script)}/`);
  }

  /** The C function writes into the text while it works. */
  #call(name: string, text: string): void {
    const address = this.#engine.memory.allocateString(text);
    this.#engine.function(name)(address, text.length);
    this.#engine.function('free')(address);
  }
}
