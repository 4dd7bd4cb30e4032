/** Which php.ini files a pool's PHP starts with. */

import type { EngineCommand } from './engine-command.ts';

/** The php.ini files that the master has found. */
export interface PhpIniSource {
  /** Paths of the main php.ini and of the scan folder's files, in order; empty with `-n`. */
  readonly files: readonly string[];
  /** A scan folder was found or named: without one the engine's PHP has its own. */
  readonly hasScanFolder: boolean;
  /** The configuration's folder where that was looked at; undefined where the operator named files or folders. */
  readonly folder: string | undefined;
  /** `-n`: no php.ini is to be looked for. */
  readonly ignored: boolean;
  /** The `-d` definitions, `key=value`. */
  readonly defines: readonly string[];
}

/**
 * Where neither the command line nor the configuration's folder has a php.ini or further files, the engine's PHP has
 * its own places. They count as well where the configuration's folder is that of another version: its files name
 * extensions that this PHP has in other files, or built in, or not at all.
 */
export function iniFilesFor(found: PhpIniSource, own: EngineCommand['iniFiles']): PhpIniSource {
  if (found.ignored || own === undefined) return found;
  const all = [...own.main, ...own.scanned];
  if (found.folder !== undefined && belongToVersions(found.folder, own.folder))
    return { ...found, files: all };
  if (found.hasScanFolder) return found;
  return { ...found, files: found.files.length > 0 ? [...found.files, ...own.scanned] : all };
}

/** `/etc/php/8.2/fpm` and `/etc/php/8.4/fpm` (Debian), `/etc/php83` and `/etc/php84` (Alpine): only the version differs. */
function belongToVersions(left: string, right: string): boolean {
  const version = /(?<=\/(?:php)?)\d\.?\d+(?=\/|$)/;
  return left !== right && version.test(left) && left.replace(version, '') === right.replace(version, '');
}
