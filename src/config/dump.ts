/** The output of `-tt`: every directive with its value, in PHP-FPM's order and format. */

import type { Directive } from './directive.ts';
import { type Configuration, DIRECTIVES, type GlobalConfig, type PoolConfig } from './directives.ts';
import type { ConfigMessage } from './messages.ts';

type Settings = GlobalConfig | PoolConfig;

/** Directives missing in php-fpm's dump. */
const NOT_DUMPED: ReadonlySet<string> = new Set(['apparmor_hat', 'include']);

/** The dump as messages of level notice, in order. */
export function dumpConfiguration({ global, pools }: Configuration): ConfigMessage[] {
  const lines = [
    '[global]',
    ...rowsOf('global').flatMap((row) => dumpRow(row, global)),
    ' ',
    ...pools.flatMap((pool) => [
      `[${pool.name}]`,
      ...rowsOf('pool').flatMap((row) => dumpRow(row, pool)),
      ' ',
    ]),
  ];
  return lines.map((text) => ({ level: 'notice', text }));
}

function rowsOf(scope: Directive['scope']): Directive[] {
  return DIRECTIVES.filter(
    (row) =>
      row.scope === scope && row.type !== 'flags' && row.platform === undefined && !NOT_DUMPED.has(row.name),
  );
}

/** The lines of one directive; Hathi's own ones only where they differ from the default. */
function dumpRow(row: Directive, settings: Settings): string[] {
  const value = (settings as unknown as Record<string, unknown>)[row.name];
  if (row.own && value === row.default) return [];
  if (row.secret) return [`\t${row.name} = ***`];
  switch (row.type) {
    case 'pairs':
      // php-fpm keeps them in a list that grows at its head.
      return (value as PoolConfig['env']).map(([key, text]) => `\t${row.name}[${key}] = ${text}`).reverse();
    case 'list':
      return (value as readonly string[]).map((text) => `\t${row.name}[] = ${text}`).reverse();
    case 'boolean':
      return [`\t${row.name} = ${value === true ? 'yes' : 'no'}`];
    case 'time':
      return [`\t${row.name} = ${value}${row.name === 'pm.process_idle_timeout' ? '' : 's'}`];
    case 'log_level':
      return [
        `\tlog_level = ${settings.places.has('log_level') ? String(value).toUpperCase() : 'unknown value'}`,
      ];
    default:
      return [`\t${row.name} = ${value ?? 'undefined'}`];
  }
}
