/**
 * The folder of OpenSSL's configuration and certificates. The built-in one belongs to the machine that built the engine
 * and does not exist here: keys could not be made or certificates checked.
 */

import { existsSync } from 'node:fs';
import type { Engine } from './engine.ts';
import { elementsOf } from './hash-tables.ts';
import { zval } from './layout.ts';
import { ModuleFunctions } from './module-functions.ts';
import { readString, replaceValue } from './values.ts';

/** Parent of the folder `ssl`. */
const builtIn = '/root/install';
const name = '/ssl';
/** Debian's, and that of others; none is longer than the built-in one. */
const usual = ['/usr/lib', '/etc'] as const;

/**
 * Rewrites the paths among the engine's constants, before PHP starts. Their ends stay in place, since other constants
 * begin there: the linker merges `ssl` into the end of the folder's name. So slashes fill the gap.
 */
export function moveSslFolder(engine: Engine, version: string): void {
  const parent = usual.find((path) => existsSync(`${path}${name}/openssl.cnf`)) ?? usual[0];
  // Beyond the constants are untouched pages, of which a search would make memory.
  const constants = engine.memory.bytes.subarray(0, engine.address('__heap_base'));
  const filled = Buffer.from(parent.padEnd(builtIn.length, '/'));
  let at = constants.indexOf(builtIn + name);
  while (at > 0) {
    constants.set(filled, at);
    at = constants.indexOf(builtIn + name, at + 1);
  }
  hideSlashes(engine, version);
}

/** Hides these slashes from scripts. */
function hideSlashes(engine: Engine, version: string): void {
  const functions = new ModuleFunctions(engine, version, 'openssl_module_entry');
  functions.replace('openssl_get_cert_locations', (own) => (frame, result) => {
    own(frame, result);
    for (const place of elementsOf(engine, engine.memory.word(result + zval.value))) {
      const path = readString(engine, place);
      if (path?.includes(`/${name}`)) replaceValue(engine, place, path.replace(/\/{2,}/g, '/'));
    }
  });
}
