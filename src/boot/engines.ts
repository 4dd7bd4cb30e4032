/** Resolves engine and PHP of each pool of a configuration before anything starts. */

import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Configuration, PoolConfig } from '../config/directives.ts';
import type { ConfigMessage } from '../config/messages.ts';
import { versionOfFolder } from '../config/php-folder.ts';
import { type ChosenEngine, chosenEngine, EngineError } from '../engine/choice/select.ts';
import { decodeText, encodeText } from './binary-text.ts';

/** A pool of the configuration, and its engine. */
export interface PoolEngine {
  readonly pool: PoolConfig;
  readonly chosen: ChosenEngine;
}

/**
 * Marks pools whose file, or the main file, is in the folder of one of this machine's PHP versions.
 *
 * @param isPlain whether a file is no link: all such files of a folder have one answer
 * @returns also the marked pools by what they were
 */
export function withFolderVersions(
  configuration: Configuration,
  isPlain: (file: string) => boolean = () => false,
): { readonly configuration: Configuration; readonly others: ReadonlyMap<PoolConfig, PoolConfig> } {
  const versions = new Map<string, string | undefined>();
  const versionOf = (file: string): string | undefined => {
    const folder = isPlain(file) ? file.slice(0, file.lastIndexOf('/') + 1) : '';
    const place = folder === '' ? file : folder;
    if (!versions.has(place)) versions.set(place, versionOfPlace(decodeText(place)));
    return versions.get(place);
  };
  const others = new Map<PoolConfig, PoolConfig>();
  const pools = configuration.pools.map((pool) => {
    const other = withFolderVersion(pool, versionOf(pool.file) ?? versionOf(configuration.file));
    if (other !== pool) others.set(pool, other);
    return other;
  });
  return { configuration: { ...configuration, pools }, others };
}

/** By the path as given, else by the target of its links. @param place a file, or a folder with a slash at its end */
function versionOfPlace(place: string): string | undefined {
  const end = place.endsWith('/') ? '/' : '';
  const named = versionOfFolder(resolve(place) + end);
  if (named !== undefined) return named;
  try {
    return versionOfFolder(realpathSync.native(place) + end);
  } catch {
    return undefined;
  }
}

/** The same object if it has that version. */
function withFolderVersion(pool: PoolConfig, folderVersion: string | undefined): PoolConfig {
  if (pool.folderVersion === folderVersion) return pool;
  const { folderVersion: _, ...others } = pool;
  return folderVersion === undefined ? others : { ...others, folderVersion };
}

/**
 * Resolves each pool's engine, and reports missing ones as errors.
 *
 * @param warnsOfEmbedded warn about a pool of `engine = auto` without a native engine
 */
export function chooseEngines(
  { pools }: Configuration,
  { warnsOfEmbedded }: { readonly warnsOfEmbedded: boolean },
): { engines: PoolEngine[]; problems: ConfigMessage[] } {
  const engines: PoolEngine[] = [];
  const problems: ConfigMessage[] = [];
  const found = new Map<string, ChosenEngine>();
  for (const pool of pools) {
    try {
      const wanted = JSON.stringify([pool.engine, pool['engine.php'], pool.folderVersion]);
      const chosen = found.get(wanted) ?? chosenEngine(pool);
      found.set(wanted, chosen);
      engines.push({ pool, chosen });
      if (warnsOfEmbedded && chosen.instead !== undefined) problems.push(embeddedInstead(pool, chosen));
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      problems.push(notThere(pool, error));
    }
  }
  return { engines, problems };
}

function embeddedInstead(pool: PoolConfig, { php, instead = '' }: ChosenEngine): ConfigMessage {
  const text = `engine = auto: ${instead}. Hathi would run the pool on the embedded PHP ${php}`;
  return {
    level: 'warning',
    text: `[pool ${pool.name}] ${encodeText(text)}`,
    detail: [`Set 'engine = embedded' in the section [${pool.name}] if that is intended.`],
  };
}

function notThere(pool: PoolConfig, { reason, advice }: EngineError): ConfigMessage {
  const places = (['engine', 'engine.php'] as const).flatMap((name) => {
    const place = pool.places.get(name);
    return place === undefined ? [] : [`${place.file}:${place.line}: ${name} = ${pool[name]}`];
  });
  return {
    level: 'error',
    text: `[pool ${pool.name}] ${encodeText(reason)}`,
    detail: [...places, ...advice.map(encodeText)],
  };
}

/** The line of `-t` about a pool. */
export function engineLine({ pool, chosen: { php, build } }: PoolEngine): string {
  const how = build !== undefined ? `native engine ${build.file}` : 'embedded engine (WebAssembly)';
  return `[pool ${decodeText(pool.name)}] PHP ${php}, ${how}`;
}
