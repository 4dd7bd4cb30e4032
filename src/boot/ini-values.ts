/**
 * Checks by asking the engines whether PHP knows and accepts the ini values of the pools, and can load the extensions
 * in php.ini files. As in PHP-FPM, a start ignores what they refuse.
 */

import type { ConfigMessage } from '../config/messages.ts';
import { editDistance, nearest } from '../config/suggest.ts';
import { defaultVersion } from '../engine/embedded/php/package.ts';
import { type IniAnswer, IniCheckError, type IniRemark, type PoolIniValues } from '../engine/ini-check.ts';
import type { PhpIniSource } from '../engine/ini-files.ts';
import { askNativeIni } from '../engine/native/ini-check.ts';
import { encodeText } from './binary-text.ts';
import type { PoolEngine } from './engines.ts';

/** Messages in the order of the pools, without duplicates. */
export async function checkIniValues(
  engines: readonly PoolEngine[],
  php: PhpIniSource,
): Promise<ConfigMessage[]> {
  const groups = new Map<string, PoolEngine[]>();
  for (const each of engines) {
    const { build, engine } = each.chosen;
    const key = build?.file ?? `${engine} ${versionOf(each)}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  const messages: ConfigMessage[] = [];
  for (const group of groups.values()) messages.push(...(await checkGroup(group, php)));
  return uniqueOf(messages);
}

/** The version of an embedded pool. */
function versionOf({ pool }: PoolEngine): string {
  return pool['engine.php'] ?? defaultVersion;
}

/** Pools of one engine are checked together: PHP starts once. */
async function checkGroup(group: readonly PoolEngine[], php: PhpIniSource): Promise<ConfigMessage[]> {
  const [first] = group;
  if (first === undefined) return [];
  const values = group.map(({ pool }): PoolIniValues => {
    const { name, php_value, php_admin_value } = pool;
    return { pool: name, php_value, php_admin_value };
  });
  try {
    const { names, remarks } = await ask(first, php, values);
    return remarks.map((remark) => messageOf(remark, names, group));
  } catch (error) {
    if (!(error instanceof IniCheckError)) throw error;
    return [{ level: 'error', text: `[pool ${first.pool.name}] ${encodeText(error.message)}` }];
  }
}

async function ask(
  first: PoolEngine,
  php: PhpIniSource,
  values: readonly PoolIniValues[],
): Promise<IniAnswer> {
  const { build } = first.chosen;
  if (build !== undefined) return askNativeIni(build, php, values);
  const { askEmbeddedIni } = await import('../engine/embedded/one-shot.ts');
  return askEmbeddedIni(versionOf(first), php, values);
}

function messageOf(remark: IniRemark, names: readonly string[], group: readonly PoolEngine[]): ConfigMessage {
  const { kind, pool, setting, name, message } = remark;
  const of = group.find((each) => each.pool.name === pool) ?? group[0];
  const php = `PHP ${of?.chosen.php}`;
  const key = `${setting}[${name}]`;
  const place = `${key} in the section [${pool}] of ${of?.pool.file}`;
  const detail = [place];
  const said = wordsOf(message);
  switch (kind) {
    case 'startup':
      return { level: 'warning', text: `${php}, php.ini: ${said}` };
    case 'set':
      return { level: 'warning', text: `[pool ${pool}] ${php} says of ${key}: ${said}`, detail };
    case 'refused': {
      // Another machine may have the missing file.
      const level = name === 'extension' ? 'warning' : 'error';
      const why = said === '' ? '' : `: ${said}`;
      return { level, text: `[pool ${pool}] ${php} refuses ${key}${why}`, detail };
    }
    case 'late':
      return {
        level: 'warning',
        text: `[pool ${pool}] ${php} takes ${key} in php.ini only, not for a pool`,
        detail,
      };
    case 'unknown':
      return unknownName(remark, { names, place, isWhole: of?.chosen.build !== undefined });
    case 'fatal':
      return {
        level: 'error',
        text: `[pool ${pool}] ${php} ends at the ini values of the pool: ${message}`,
        detail,
      };
    default:
      throw new Error(`unknown remark of an engine: ${JSON.stringify(kind satisfies never)}`);
  }
}

/** PHP's message, without its level and its meaningless place. */
function wordsOf(message: string): string {
  return message
    .replace(/^PHP [A-Z][\w ]*: +/, '')
    .replace(/^(?:Unknown|PHP (?:Startup|Request Startup|Request Shutdown)): /, '')
    .replace(/ in Unknown on line 0$/, '');
}

/**
 * A name unknown to PHP. It may be right for an extension that is not loaded, and has no effect; everything else is a
 * mistake: a name without namespace, one in a known namespace, one that nearly matches.
 *
 * @param isWhole this PHP has all names of its namespaces; the embedded one does not
 */
function unknownName(
  { pool, setting, name }: IniRemark,
  {
    names,
    place,
    isWhole,
  }: { readonly names: readonly string[]; readonly place: string; readonly isWhole: boolean },
): ConfigMessage {
  const namespace = name.slice(0, name.indexOf('.') + 1);
  const isSlip = names.some((known) => editDistance(name, known) <= 2);
  const isThere = names.some((known) => known.startsWith(namespace));
  const text = `[pool ${pool}] Unable to set ${setting} '${name}'`;
  if (namespace !== '' && !isSlip && !(isThere && isWhole)) {
    const why = isThere ? 'the embedded PHP does not have it' : 'no extension that is loaded has it';
    return { level: 'warning', text: `${text}: ${why}`, detail: [place] };
  }
  const meant = nearest(name, names);
  return {
    level: 'error',
    text,
    detail: [meant === undefined ? place : `${place}: did you mean '${meant}'?`],
  };
}

/** Removes duplicate messages. */
function uniqueOf(messages: readonly ConfigMessage[]): ConfigMessage[] {
  return [...new Map(messages.map((message) => [`${message.level} ${message.text}`, message])).values()];
}
