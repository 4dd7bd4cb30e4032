/**
 * The folder that OpenSSL has its configuration and certificates in. The one that is built in is a folder of whoever
 * built the engine, of which nothing is there: keys could not be made, and certificates not be checked.
 */

import { existsSync } from 'node:fs';
import type { Engine } from './engine.ts';

const builtIn = '/root/install/ssl';
/** Debian's, and those of others; none is longer than what is built in. */
const usual = ['/usr/lib/ssl', '/etc/ssl', '/etc/pki/tls'] as const;

/** Rewrites the paths among the engine's constants; before PHP starts. */
export function moveSslFolder(engine: Engine): void {
  const folder = usual.find((path) => existsSync(`${path}/openssl.cnf`)) ?? usual[0];
  const { memory } = engine;
  const end = engine.address('__heap_base');
  let at = memory.bytes.indexOf(builtIn);
  while (at > 0 && at < end) {
    const path = memory.string(at);
    const rest = path.slice(builtIn.length);
    if (rest === '' || rest.startsWith('/')) {
      memory.bytes.fill(0, at, at + path.length);
      memory.writeString(at, `${folder}${rest}`);
    }
    at = memory.bytes.indexOf(builtIn, at + path.length);
  }
}
