/** The configuration in effect as the JSON of `GET /api/config`. Possible secrets are hidden. */

import type { Directive } from '../config/directive.ts';
import { type Configuration, DIRECTIVES, type GlobalConfig, type PoolConfig } from '../config/directives.ts';
import { asBinary, decodeBinary } from '../text/binary.ts';

export function configurationJson({ file, prefix, global, pools }: Configuration): object {
  return {
    file,
    prefix,
    global: settingsJson('global', global),
    pools: pools.map((pool) => ({ name: pool.name, ...settingsJson('pool', pool) })),
  };
}

/** `settings` by directive, and their places in the files; missing ones have their default. */
function settingsJson(scope: Directive['scope'], settings: GlobalConfig | PoolConfig): object {
  const rows = DIRECTIVES.filter(
    (row) => row.scope === scope && row.type !== 'flags' && row.type !== 'include',
  );
  const values = settings as unknown as Readonly<Record<string, unknown>>;
  return {
    settings: Object.fromEntries(rows.map((row) => [row.name, shown(row, values[row.name])])),
    places: Object.fromEntries(
      [...settings.places].map(([name, { file, line }]) => [unicode(name), `${unicode(file)}:${line}`]),
    ),
  };
}

/** Pairs are environment variables and ini values, which contain passwords: only their names are shown. */
function shown(row: Directive, value: unknown): unknown {
  if (value === undefined) return null;
  if (row.secret) return '***';
  if (row.type === 'pairs') return (value as PoolConfig['env']).map(([key]) => key);
  return value;
}

/** Places contain binary strings of the configuration room. */
function unicode(binary: string): string {
  return decodeBinary(asBinary(binary));
}
