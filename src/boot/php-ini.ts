/** Finds a master's php.ini files, and their values for `${name}` in the configuration. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { phpConstant } from '../config/constants.ts';
import { parseIniLine } from '../config/ini.ts';
import { encodeText } from './binary-text.ts';

/** Options of the command line. */
export interface PhpIniChoice {
  /** `-c` */
  readonly given: string | undefined;
  /** `-n` */
  readonly ignored: boolean;
  /** The main configuration file. */
  readonly configFile: string;
}

/** Result of the search. */
export interface PhpIniFiles {
  readonly files: readonly string[];
  /** A folder of further files exists, or the environment names such folders. */
  readonly hasScanFolder: boolean;
  /** The configuration's folder if it was searched; undefined if the operator named files or folders. */
  readonly folder: string | undefined;
}

/**
 * The php.ini files, main file first, then those of the scan folders, sorted by name.
 *
 * `-c` (else PHPRC) names a file or a folder with a php.ini. Without either, the folder of the main configuration file
 * is searched: Debian keeps `php.ini` and `conf.d` beside `php-fpm.conf`. PHP_INI_SCAN_DIR replaces the scan folder by
 * its own list, in which an empty element means the default one (php.net, "Scan directories").
 *
 * `-n` skips all of that, except a file named by `-c`.
 */
export function findPhpIni(
  { given, ignored, configFile }: PhpIniChoice,
  env: NodeJS.ProcessEnv,
): PhpIniFiles {
  if (ignored && given === undefined) return { files: [], hasScanFolder: false, folder: undefined };
  const beside = dirname(configFile);
  const found = mainFile(given ?? env['PHPRC'] ?? beside);
  const main = found === undefined ? [] : [found];
  if (ignored) return { files: main, hasScanFolder: false, folder: undefined };
  const usual = join(beside, 'conf.d');
  const named = env['PHP_INI_SCAN_DIR']?.split(':');
  const files = (named ?? ['']).flatMap((folder) => scanFolder(folder === '' ? usual : folder));
  const isUsual = given === undefined && env['PHPRC'] === undefined && named === undefined;
  return {
    files: [...main, ...files],
    hasScanFolder: named !== undefined || isFolder(usual),
    folder: isUsual ? beside : undefined,
  };
}

function mainFile(place: string): string | undefined {
  const path = isFolder(place) ? join(place, 'php.ini') : place;
  return existsSync(path) ? path : undefined;
}

function scanFolder(folder: string): string[] {
  if (!isFolder(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.ini'))
    .sort()
    .map((name) => join(folder, name));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Values of `${name}` in the configuration: from the files in order, then from `-d`. Values for a path or host only
 * ([PATH=…], [HOST=…]) do not apply to the master.
 *
 * @param defines `-d` values, `name=value`
 * @returns binary strings, as in the configuration room
 */
export function iniValues(
  files: readonly string[],
  defines: readonly string[],
  env: NodeJS.ProcessEnv,
): Map<string, string> {
  const values = new Map<string, string>();
  for (const text of [...files.map(readIni), iniLines(defines)]) {
    let isGeneral = true;
    for (const line of text.split('\n')) {
      const { statements } = parseIniLine(line, {
        constant: phpConstant,
        variable: (name) => values.get(name) ?? env[name],
      });
      for (const statement of statements) {
        if (statement.kind === 'section') isGeneral = !/^(PATH|HOST)=/i.test(statement.name);
        else if (isGeneral && statement.kind === 'entry') values.set(statement.name, statement.value ?? '1');
      }
    }
  }
  return values;
}

/** An unreadable file has no values here; the engine that needs it reports the error. */
function readIni(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/**
 * PHP's message about invalid `-d` values, undefined for valid ones: values after an invalid one are not read, so it
 * must not pass silently.
 */
export function defineProblem(defines: readonly string[]): string | undefined {
  const names = { constant: phpConstant, variable: () => '' };
  return parseIniLine(`${iniLines(defines)}\n`, names).error?.raw;
}

function iniLines(defines: readonly string[]): string {
  return encodeText(defines.join('\n'));
}
