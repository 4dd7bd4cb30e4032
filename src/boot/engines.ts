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

/** Marks pools whose file, or the main file, is in the folder of one of this machine's PHP versions. */
export function withFolderVersions(configuration: Configuration): Configuration {
  const versions = new Map<string, string | undefined>();
  const versionOf = (file: string): string | undefined => {
    if (!versions.has(file)) versions.set(file, versionOfFile(decodeText(file)));
    return versions.get(file);
  };
  const pools = configuration.pools.map((pool) => {
    const folderVersion = versionOf(pool.file) ?? versionOf(configuration.file);
    return folderVersion === undefined ? pool : { ...pool, folderVersion };
  });
  return { ...configuration, pools };
}

/** By the path as given, else by the target of its links. */
function versionOfFile(file: string): string | undefined {
  const named = versionOfFolder(resolve(file));
  if (named !== undefined) return named;
  try {
    return versionOfFolder(realpathSync.native(file));
  } catch {
    return undefined;
  }
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
  for (const pool of pools) {
    try {
      const chosen = chosenEngine(pool);
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
