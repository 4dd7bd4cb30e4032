/** Reads the configuration for a command, and reports about it. */

import { checkProcessMax, checkStart } from '../config/check.ts';
import { checkDescriptors } from '../config/descriptors.ts';
import type { Configuration, GlobalConfig, PoolConfig } from '../config/directives.ts';
import { checkEngineLimits } from '../config/limits.ts';
import { loadSteps } from '../config/load.ts';
import { type ConfigMessage, lenient } from '../config/messages.ts';
import { exchangePools, Outdated, type ReadingMemory } from '../config/reading-memory.ts';
import { isSamePool } from '../config/same-pool.ts';
import { complete, type Steps } from '../config/steps.ts';
import type { PhpIniSource } from '../engine/ini-files.ts';
import { inOneLook } from '../runtime/one-look.ts';
import type { Turns } from '../runtime/turns.ts';
import { decodeText, encodeText } from './binary-text.ts';
import { configSystem } from './config-system.ts';
import { chooseEngines, type PoolEngine, withFolderVersions } from './engines.ts';
import { FileTexts } from './file-texts.ts';
import type { FpmFlags } from './flags.ts';
import { findPhpIni, iniValues } from './php-ini.ts';
import { type ReadFiles, recordFiles, replayFiles } from './read-files.ts';

/** A configuration file as far as it could be read. */
export interface ReadConfiguration {
  /** The files' content, undefined when invalid. */
  readonly loaded: Configuration | undefined;
  /** The same, also undefined when a start would fail for its names or ids. */
  readonly configuration: Configuration | undefined;
  /** {@link loaded} as binary strings of the files, for `-tt`. */
  readonly asWritten: Configuration | undefined;
  /** Known when `error_log` could be opened, whatever was found later. */
  readonly global: GlobalConfig | undefined;
  /** Messages from before error_log was opened; php-fpm has them on stderr only. */
  readonly early: readonly ConfigMessage[];
  readonly messages: readonly ConfigMessage[];
  /** Its files as they were read. */
  readonly read: ReadFiles;
  /** The engine of each pool, in order, if all are installed. */
  readonly engines: readonly PoolEngine[];
}

/** `-t`, which warns about problems of this machine; `-tt`, which refuses what a start would; a start. */
export type Purpose = 'test' | 'strict test' | 'start';

/** A memory of the master between two readings. */
export class EarlierReading {
  readonly texts = new FileTexts();
  #configuration: Configuration | undefined;
  #memory: ReadingMemory | undefined;

  /** The last valid one. */
  get configuration(): Configuration | undefined {
    return this.#configuration;
  }

  get memory(): ReadingMemory | undefined {
    return this.#memory;
  }

  took(configuration: Configuration, memory: ReadingMemory, { files }: ReadFiles): void {
    this.#configuration = configuration;
    this.#memory = memory;
    this.texts.retain(files);
  }

  /** Something remembered does not hold any more. */
  forget(): void {
    this.#memory = undefined;
  }
}

/** Reads and checks it as far as possible from files; nothing is bound or started. */
export function readConfiguration(
  flags: FpmFlags,
  env: NodeJS.ProcessEnv,
  purpose: Purpose,
  earlier = new EarlierReading(),
): ReadConfiguration {
  return inOneLook(() => complete(readSteps(flags, env, purpose, { earlier })));
}

/**
 * The same for a reload, in turns while requests are served.
 *
 * @param earlier the last configuration: of a pool that says the same the object is taken, so that what was made of it
 *   can be recognised
 * @param kept files of an earlier configuration, in place of the current ones
 */
export function readInTurns(
  flags: FpmFlags,
  env: NodeJS.ProcessEnv,
  turns: Turns,
  earlier: EarlierReading,
  kept?: ReadFiles,
): Promise<ReadConfiguration> {
  return inOneLook(() => turns.run(rereadSteps(flags, env, earlier, kept)));
}

/** With what is remembered; if that does not hold, or anything is wrong, all is read anew. */
function* rereadSteps(
  flags: FpmFlags,
  env: NodeJS.ProcessEnv,
  earlier: EarlierReading,
  kept: ReadFiles | undefined,
): Steps<ReadConfiguration> {
  if (earlier.memory !== undefined) {
    try {
      const read = yield* readSteps(flags, env, 'start', { earlier, kept });
      if (read.configuration !== undefined) return read;
    } catch (problem) {
      if (!(problem instanceof Outdated)) throw problem;
    }
    earlier.forget();
  }
  return yield* readSteps(flags, env, 'start', { earlier, kept });
}

function* readSteps(
  flags: FpmFlags,
  env: NodeJS.ProcessEnv,
  purpose: Purpose,
  { earlier, kept }: { readonly earlier: EarlierReading; readonly kept?: ReadFiles | undefined },
): Steps<ReadConfiguration> {
  const { files } = phpIniSource(flags);
  const real = configSystem({
    allowRoot: flags.allowRoot,
    env,
    ini: iniValues(files, flags.defines, env),
    texts: earlier.texts,
  });
  const { system, taken } = recordFiles(kept === undefined ? real : replayFiles(real, kept));
  const result = yield* loadSteps(
    {
      file: encodeText(flags.configFile),
      ...(flags.prefix === undefined ? {} : { prefix: encodeText(flags.prefix) }),
      ...(flags.pidFile === undefined ? {} : { pidFile: encodeText(flags.pidFile) }),
      ...(flags.daemonize === undefined ? {} : { daemonize: flags.daemonize }),
      memory: earlier.memory,
    },
    system,
  );
  const { messages, errorLog } = result;
  const isPlain = (file: string): boolean => kept === undefined && earlier.texts.isPlain(file);
  const versioned = result.configuration && withFolderVersions(result.configuration, isPlain);
  const configuration = versioned?.configuration;
  yield;
  const from = errorLog?.from ?? messages.length;
  const start =
    configuration === undefined
      ? []
      : purpose === 'start'
        ? checkStart(configuration, system, 'start')
        : [...checkStart(configuration, system), ...checkProcessMax(configuration)];
  yield;
  const further = firstRefusal(purpose === 'test' ? lenient(start) : start);
  const { engines, problems } =
    configuration === undefined || isRefused(further)
      ? { engines: [], problems: [] }
      : chooseEngines(configuration, { warnsOfEmbedded: purpose !== 'start' });
  yield;
  further.push(...problems);
  if (configuration !== undefined && !isRefused(further)) further.push(...limitsOf(configuration, engines));
  yield;
  const loaded =
    configuration === undefined ? undefined : yield* decodeSteps(configuration, earlier.configuration);
  const isFine = loaded !== undefined && !isRefused(further);
  const read = taken();
  if (isFine && result.memory !== undefined && versioned !== undefined)
    earlier.took(loaded, exchangePools(result.memory, versioned.others), read);
  return {
    loaded,
    asWritten: configuration,
    configuration: isFine ? loaded : undefined,
    engines,
    read,
    global: errorLog === undefined ? undefined : decodeText(errorLog.global),
    early: messages.slice(0, from),
    messages: [...messages.slice(from), ...further],
  };
}

/** Pools before their texts were decoded, where that made other objects of them. */
const encoded = new WeakMap<PoolConfig, PoolConfig>();

/** A pool that says the same as before is recognised before its texts are decoded, which takes longer. */
function* decodeSteps(configuration: Configuration, known: Configuration | undefined): Steps<Configuration> {
  const pools: PoolConfig[] = [];
  const before = new Map<string, PoolConfig>();
  for (const pool of known?.pools ?? []) before.set(textOf(pool).name, pool);
  for (const text of configuration.pools) {
    const same = before.get(text.name);
    pools.push(same !== undefined && isSamePool(textOf(same), text) ? same : decodePool(text));
    yield;
  }
  return { ...decodeText({ ...configuration, pools: [] }), pools };
}

function textOf(pool: PoolConfig): PoolConfig {
  return encoded.get(pool) ?? pool;
}

function decodePool(text: PoolConfig): PoolConfig {
  const pool = decodeText(text);
  if (pool !== text) encoded.set(pool, text);
  return pool;
}

function refuses({ level }: ConfigMessage): boolean {
  return level === 'error' || level === 'alert';
}

function isRefused(messages: readonly ConfigMessage[]): boolean {
  return messages.some(refuses);
}

/** As in php-fpm only the first fatal message is reported; all others are kept. */
function firstRefusal(messages: readonly ConfigMessage[]): ConfigMessage[] {
  const index = messages.findIndex(refuses);
  return index < 0 ? [...messages] : messages.slice(0, index + 1);
}

/** Limits of the engine that `auto` selects here (a named engine's were checked with the file), and descriptors. */
function limitsOf(configuration: Configuration, engines: readonly PoolEngine[]): ConfigMessage[] {
  const engineOf = new Map(engines.map(({ pool, chosen }) => [pool, chosen.engine]));
  return firstRefusal([
    ...engines.flatMap(({ pool, chosen }) =>
      pool.engine === 'auto' ? checkEngineLimits(pool, chosen.engine) : [],
    ),
    ...checkDescriptors(configuration, (pool) => engineOf.get(pool) ?? 'embedded'),
  ]);
}

/** The command line's php.ini files, for the engines. */
export function phpIniSource({ phpIni, noPhpIni, configFile, defines }: FpmFlags): PhpIniSource {
  const found = findPhpIni({ given: phpIni, ignored: noPhpIni, configFile }, process.env);
  return { ...found, ignored: noPhpIni, defines };
}
