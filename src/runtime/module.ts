/** Files of this program at run time: the same code runs as TypeScript in a checkout and as JavaScript when published. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Path of a module that is started on its own (a process, a thread), so that no import statement names it.
 *
 * @param from import.meta.url of the caller
 * @param name relative name without its ending, `./embedded/host`
 */
export function siblingModule(from: string, name: string): string {
  const ending = from.endsWith('.ts') ? '.ts' : '.js';
  return fileURLToPath(new URL(`${name}${ending}`, from));
}

/** Hathi's own version, from package.json. */
export function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
