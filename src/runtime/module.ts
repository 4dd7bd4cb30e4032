/** Files of this program at run time: the same code runs as TypeScript in a checkout and as JavaScript when published. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Path of a module that starts on its own (a process, a thread), so that no import names it.
 *
 * @param from import.meta.url of the caller
 * @param name relative name without extension, `./embedded/host/host`
 */
export function siblingModule(from: string, name: string): string {
  const ending = from.endsWith('.ts') ? '.ts' : '.js';
  return fileURLToPath(new URL(`${name}${ending}`, from));
}

/** Hathi's own version, from package.json. */
export function ownVersion(): string {
  return ownPackage().version;
}

/** Release of the embedded engine's packages that this program supports. */
export function enginePackageVersion(): string {
  const [version = 'latest'] = Object.values(ownPackage().optionalDependencies);
  return version;
}

interface OwnPackage {
  readonly version: string;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

function ownPackage(): OwnPackage {
  return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as OwnPackage;
}
