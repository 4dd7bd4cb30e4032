/** Limits of an engine for a pool. No directive is ignored silently. */

import type { Engine, Limit } from './directive.ts';
import { DIRECTIVES, type PoolConfig } from './directives.ts';
import type { ConfigMessage } from './messages.ts';

const LIMITED = DIRECTIVES.filter(({ scope, limits }) => scope === 'pool' && limits !== undefined);

/** Settings of php.ini that load code into PHP; the embedded PHP does not support them. */
const EXTENSION_KEYS: ReadonlySet<string> = new Set(['extension', 'zend_extension']);

/**
 * Messages about directives of a pool that the engine does not support. With an error among them the engine cannot run
 * the pool.
 *
 * @param engine the pool's engine after `auto` is resolved
 */
export function checkEngineLimits(pool: PoolConfig, engine: Engine): ConfigMessage[] {
  const messages: ConfigMessage[] = [];
  for (const row of LIMITED) {
    const limit = row.limits?.[engine];
    if (!limit || !pool.places.has(row.name)) continue;
    const value = pool[row.name as keyof PoolConfig];
    if (value === undefined || value === '' || value === row.default) continue;
    messages.push(...describe(pool, { name: row.name, engine, limit }));
  }
  if (engine === 'embedded') messages.push(...extensions(pool));
  return messages;
}

function describe(
  pool: PoolConfig,
  { name, engine, limit }: { name: string; engine: Engine; limit: Limit },
): ConfigMessage[] {
  const { file, line } = pool.places.get(name) ?? pool;
  const detail = [`It is set in ${file}:${line}.`];
  switch (limit.standing) {
    case 'refused':
      return [
        {
          level: 'error',
          text: `[pool ${pool.name}] '${name}' is not supported by the ${engine} engine: ${limit.because}`,
          detail,
        },
      ];
    case 'warned':
      return [
        {
          level: 'warning',
          text: `[pool ${pool.name}] '${name}' is limited with the ${engine} engine: ${limit.because}`,
          detail,
        },
      ];
    case 'ignored':
      return [
        {
          level: 'notice',
          text: `[pool ${pool.name}] '${name}' has no effect with the ${engine} engine: ${limit.because}`,
          detail,
        },
      ];
    default:
      throw new Error(
        `Cannot describe a limit: unknown standing "${String(limit.standing satisfies never)}"`,
      );
  }
}

/** Extensions in the engine's own packages; `redis` is always loaded. */
const LOADABLE = /(?:^|\/)(?:redis|memcached)(?:\.so)?$/;

function extensions(pool: PoolConfig): ConfigMessage[] {
  return (['php_value', 'php_admin_value'] as const).flatMap((name) =>
    pool[name]
      .filter(
        ([key, value]) =>
          EXTENSION_KEYS.has(key.toLowerCase()) && !(key === 'extension' && LOADABLE.test(value)),
      )
      .map(([key, value]) => ({
        level: 'error' as const,
        text: `[pool ${pool.name}] '${name}[${key}]' is not supported by the embedded engine: its only shared extensions are redis and memcached`,
        detail: [`'${value}' has to be compiled in; 'engine = native' can load it.`],
      })),
  );
}
