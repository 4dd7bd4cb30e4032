/** The php.ini files for a pool's PHP. */

import type { EngineCommand } from './engine-command.ts';

/** The php.ini files found by the master. */
export interface PhpIniSource {
  /** Paths of the main php.ini and of the files in the scan folder, in order; empty with `-n`. */
  readonly files: readonly string[];
  /** A scan folder was found or named: otherwise the engine's PHP uses its own. */
  readonly hasScanFolder: boolean;
  /** The configuration's folder if it was searched; undefined if the operator named files or folders. */
  readonly folder: string | undefined;
  /** `-n`: no php.ini is used. */
  readonly ignored: boolean;
  /** The `-d` definitions, `key=value`. */
  readonly defines: readonly string[];
}

/**
 * Without a php.ini or further files from the command line or the configuration's folder, the engine's PHP uses its own
 * places. The same applies if the configuration's folder belongs to another version: its files name extensions that
 * this PHP has elsewhere, has built in or lacks.
 */
export function iniFilesFor(found: PhpIniSource, own: EngineCommand['iniFiles']): PhpIniSource {
  if (found.ignored || own === undefined) return found;
  const all = [...own.main, ...own.scanned];
  if (found.folder !== undefined && belongToVersions(found.folder, own.folder))
    return { ...found, files: all };
  if (found.hasScanFolder) return found;
  return { ...found, files: found.files.length > 0 ? [...found.files, ...own.scanned] : all };
}

/**
 * `/etc/php/8.2/fpm` and `/etc/php/8.4/fpm` (Debian), `/etc/php83` and `/etc/php84` (Alpine): paths that differ only in
 * the version.
 */
function belongToVersions(left: string, right: string): boolean {
  const version = /(?<=\/(?:php)?)\d\.?\d+(?=\/|$)/;
  return left !== right && version.test(left) && left.replace(version, '') === right.replace(version, '');
}
