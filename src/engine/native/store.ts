/** The folders of built engines, and the record of each. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { packageFile } from '../../runtime/module.ts';

/** A program linked with an engine and libphp. */
export interface LinkedHost {
  readonly program: string;
  readonly library: string;
}

/** The record beside an engine, as JSON. */
export interface BuildRecord {
  /** Version of PHP, `8.2.36`. */
  readonly php: string;
  readonly api: string;
  /** The PHP program, which hosts the engine unless it is linked with libphp. */
  readonly host: string;
  /** Set if it is linked: the program for that, and the library. */
  readonly linked?: LinkedHost;
  /** Time of the build, in ms since 1970. */
  readonly builtAt: number;
  /** Where that PHP's PHP-FPM looks for php.ini and further files; empty without such a folder. */
  readonly iniFolder: string;
  readonly scanFolder: string;
  /** Hash of the engine's own sources. */
  readonly sources: string;
}

/** A built engine. */
export interface BuiltEngine {
  readonly record: BuildRecord;
  /** The shared object. */
  readonly file: string;
}

/** For the whole machine: root's pools run as other users, who have to read it. */
const machineFolder = '/var/lib/hathi/engines';

/** Engines shipped with the program: a distribution's package has one for its PHP. */
export const packagedFolder = packageFile('engines');

/**
 * The folder for new builds: HATHI_ENGINE_DIR if set; root builds for the whole machine, other users into their own
 * cache (XDG Base Directory Specification).
 */
export function engineFolder(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
): string {
  if (env['HATHI_ENGINE_DIR']) return env['HATHI_ENGINE_DIR'];
  if (uid === 0) return machineFolder;
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'hathi/engines');
}

/** Folders that are searched, in order: a user without a build uses the machine's. */
export function engineFolders(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
): string[] {
  const own = engineFolder(env, uid);
  if (env['HATHI_ENGINE_DIR']) return [own];
  return own === machineFolder ? [own, packagedFolder] : [own, machineFolder, packagedFolder];
}

/** File of the engine for a PHP with that API number. */
export function engineFile(folder: string, api: string): string {
  return join(folder, `hathi-engine-${api}.so`);
}

/** File of its record. */
export function recordFile(engine: string): string {
  return engine.replace(/\.so$/, '.json');
}

/** All built engines of a folder, newest PHP first. Unreadable ones are skipped. */
export function listEngines(folder: string): BuiltEngine[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^hathi-engine-\d+\.so$/.test(name))
    .flatMap((name) => readEngine(join(folder, name)))
    .sort((left, right) => right.record.php.localeCompare(left.record.php, 'en', { numeric: true }));
}

function readEngine(file: string): BuiltEngine[] {
  try {
    return [{ file, record: JSON.parse(readFileSync(recordFile(file), 'utf8')) as BuildRecord }];
  } catch {
    return [];
  }
}

/** The file that contains PHP. */
export function hostFile({ host, linked }: Pick<BuildRecord, 'host' | 'linked'>): string {
  return linked?.library ?? host;
}

/**
 * Why a built engine must not be used; undefined when it may. An upgrade of PHP is no reason: its interface for modules
 * is stable within 8.2, and the engine itself refuses another PHP when it starts.
 */
export function staleReason({ record }: BuiltEngine, sources: string): string | undefined {
  const what = record.linked === undefined ? 'PHP program' : 'library';
  const path = hostFile(record);
  if (!existsSync(path)) return `its ${what} "${path}" is not there any more`;
  if (record.sources !== sources) return 'it was built from other sources than this version of Hathi has';
  return undefined;
}
