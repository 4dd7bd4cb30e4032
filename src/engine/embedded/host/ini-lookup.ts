/** The few ini values that the host itself needs, as the pool's scripts start with them. */

import type { Pair } from './pool-settings.ts';

export type IniLookup = (name: string) => string | undefined;

/** Searches php_admin_value, then php_value, then the php.ini text; undefined means PHP's own default. */
export function iniLookup(
  phpIni: string,
  phpValue: readonly Pair[],
  phpAdminValue: readonly Pair[],
): IniLookup {
  const values = parseIni(phpIni);
  for (const pairs of [phpValue, phpAdminValue]) {
    // Of duplicates the first one in the pool's file wins.
    for (const [name, value] of [...pairs].reverse()) values.set(name, value);
  }
  return (name) => values.get(name);
}

/** Only the general part: a [PATH=] or [HOST=] section depends on a request. */
function parseIni(text: string): Map<string, string> {
  const values = new Map<string, string>();
  let isGeneral = true;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*\[(.*)\]/.exec(line)?.[1];
    if (section !== undefined) isGeneral = !/^(?:path|host)\s*=/i.test(section);
    const entry = /^\s*([A-Za-z0-9_.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^;]*))/.exec(line);
    if (!isGeneral || entry === null) continue;
    const [, name = '', double, single, bare = ''] = entry;
    values.set(name, double ?? single ?? bare.trim());
  }
  return values;
}
