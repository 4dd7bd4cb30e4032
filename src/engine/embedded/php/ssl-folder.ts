/**
 * The folder that OpenSSL has its configuration and certificates in. The one that is built in is a folder of whoever
 * built the engine, of which nothing is there: keys could not be made, and certificates not be checked.
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
/** Debian's, and that of others; none is longer than what is built in. */
const usual = ['/usr/lib', '/etc'] as const;

/**
 * Rewrites the paths among the engine's constants; before PHP starts. Their ends are left where they are, since other
 * constants begin there: the linker lays `ssl` into the end of the folder's name. So slashes fill the gap.
 */
export function moveSslFolder(engine: Engine, version: string): void {
  const parent = usual.find((path) => existsSync(`${path}${name}/openssl.cnf`)) ?? usual[0];
  const { memory } = engine;
  const end = engine.address('__heap_base');
  const filled = Buffer.from(parent.padEnd(builtIn.length, '/'));
  let at = memory.bytes.indexOf(builtIn + name);
  while (at > 0 && at < end) {
    memory.bytes.set(filled, at);
    at = memory.bytes.indexOf(builtIn + name, at + 1);
  }
  hideSlashes(engine, version);
}

/** Scripts see the folders without these slashes. */
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
