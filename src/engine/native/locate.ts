/** Finds the native engine of a pool: a matching build, and the command line of its host. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { PoolConfig } from '../../config/directives.ts';
import { lookedUp } from '../../runtime/one-look.ts';
import type { EngineCommand, HostCommand } from '../engine-command.ts';
import { sourcesHash } from './build.ts';
import { hostProgram } from './host-program.ts';
import { type BuildRecord, type BuiltEngine, engineFolders, listEngines, staleReason } from './store.ts';

/** A build, or the reason why none is usable. */
export type LocatedEngine =
  | { readonly engine: BuiltEngine }
  | {
      readonly missing: string;
      /** A build for that PHP exists but is unusable. */
      readonly isStale: boolean;
    };

/**
 * Looks for a build.
 *
 * @param version `8.2` as in engine.php, or undefined for the newest PHP with a build
 */
export function locateEngine(
  version: string | undefined,
  folders: readonly string[] = lookedUp('engine folders', () => engineFolders()),
): LocatedEngine {
  return lookedUp(JSON.stringify(['engine', version, folders]), () => lookForEngine(version, folders));
}

function lookForEngine(version: string | undefined, folders: readonly string[]): LocatedEngine {
  const all = folders.flatMap(listEngines);
  const fitting = all.filter(({ record }) => version === undefined || record.php.startsWith(`${version}.`));
  // The sources are only read when there is a build to compare: most starts have none.
  const sources = fitting.length > 0 ? sourcesHash() : '';
  const usable = fitting.find((engine) => staleReason(engine, sources) === undefined);
  if (usable !== undefined) return { engine: usable };
  const [stale] = fitting;
  if (stale !== undefined) {
    return {
      missing: `the native engine for PHP ${stale.record.php} is stale: ${staleReason(stale, sources)}; run "hathi build"`,
      isStale: true,
    };
  }
  const built = all.map(({ record }) => record.php).join(', ');
  const wanted = version === undefined ? 'the native engine' : `the native engine for PHP ${version}`;
  return {
    missing: `${wanted} is not built${built === '' ? '' : ` (there is one for PHP ${built})`}; run "hathi build"`,
    isStale: false,
  };
}

/** The last argument of a host is room for its title and those of its workers. */
const titleRoom = 96;

/**
 * Command line of a build's host: PHP itself with the engine preloaded, or the program linked with the engine and
 * libphp.
 */
export function hostCommand({ file, record }: BuiltEngine, title: string): readonly string[] {
  return [...hostProgram(file, record), title.padEnd(titleRoom)];
}

/** Command line of a build's template; its hosts use the room of its title for theirs. */
export function templateCommand({ file, record }: BuiltEngine): HostCommand {
  const title = 'php-fpm: template';
  const [program = '', ...args] = hostProgram(file, record);
  return { file: program, args: [...args, '--template', title.padEnd(titleRoom)], argv0: title };
}

/** Command line of a build's keeper of sockets; it starts no PHP. */
export function keeperCommand({ file, record }: BuiltEngine): HostCommand {
  const title = 'php-fpm: keeper of sockets';
  const [program = '', ...args] = hostProgram(file, record);
  return { file: program, args: [...args, '--keeper', title], argv0: title };
}

/** The required PHP version of a pool's native engine: its directive, else the folder of its configuration. */
export function wantedVersion(pool: PoolConfig): string | undefined {
  return pool['engine.php'] ?? pool.folderVersion;
}

/** The native engine's host for a pool; undefined without a matching build. */
export function nativeCommand(pool: PoolConfig, folders?: readonly string[]): EngineCommand | undefined {
  const located = locateEngine(wantedVersion(pool), folders);
  if (!('engine' in located)) return undefined;
  const { engine } = located;
  const common = lookedUp(`native command ${engine.file}`, () => unchanged(commonCommand(engine)));
  const known = commands.get(pool);
  if (known?.common === common) return known.command;
  const title = `php-fpm: host for ${pool.name}`;
  const command = { ...common, args: [...common.args, title.padEnd(titleRoom)], argv0: title };
  commands.set(pool, { common, command });
  return command;
}

type CommonCommand = Omit<EngineCommand, 'argv0'>;

/** A pool that a reload leaves alone keeps its command. */
const commands = new WeakMap<
  PoolConfig,
  { readonly common: CommonCommand; readonly command: EngineCommand }
>();
/** The last one of each program. */
const lastCommon = new Map<string, CommonCommand>();

/** The object of before where it says the same. */
function unchanged(common: CommonCommand): CommonCommand {
  const key = common.parts.join('\0');
  const last = lastCommon.get(key);
  if (isDeepStrictEqual(last, common)) return last ?? common;
  lastCommon.set(key, common);
  return common;
}

/** All pools of a build have it, but for the title. */
function commonCommand(engine: BuiltEngine): CommonCommand {
  const { file, record } = engine;
  const [program = '', ...args] = hostProgram(file, record);
  return {
    engine: 'native',
    file: program,
    args,
    template: templateCommand(engine),
    keeper: keeperCommand(engine),
    parts: [file, record.host, ...(record.linked ? [record.linked.program, record.linked.library] : [])],
    iniFiles: iniFilesOf(record),
  };
}

/** The ini files of that PHP's own PHP-FPM: its php.ini, then the files of its scan folder, sorted by name. */
export function iniFilesOf(record: BuildRecord): NonNullable<EngineCommand['iniFiles']> {
  return lookedUp(JSON.stringify(['ini files', record.iniFolder, record.scanFolder]), () =>
    lookForIniFiles(record),
  );
}

function lookForIniFiles({ iniFolder, scanFolder }: BuildRecord): NonNullable<EngineCommand['iniFiles']> {
  const main = join(iniFolder, 'php.ini');
  const scanned = scanFolder !== '' && existsSync(scanFolder) ? readdirSync(scanFolder).sort() : [];
  return {
    folder: iniFolder,
    main: iniFolder !== '' && existsSync(main) ? [main] : [],
    scanned: scanned.filter((name) => name.endsWith('.ini')).map((name) => join(scanFolder, name)),
  };
}
