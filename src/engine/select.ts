/** Which engine runs a pool, and the program that hosts it. */

import type { PoolConfig } from '../config/directives.ts';
import { siblingModule } from '../runtime/module.ts';
import { defaultVersion, findEngine } from './embedded/php/package.ts';
import { locateEngine, nativeCommand } from './native/locate.ts';

export interface EngineCommand {
  readonly engine: 'embedded' | 'native';
  readonly file: string;
  readonly args: readonly string[];
  readonly argv0: string;
  /** Why it is this engine where a native one has been built; absent where there is nothing to tell. */
  readonly instead?: string;
  /** What PHP-FPM of the engine's own PHP would read: the folder of its php.ini, that, and those of its scan folder. */
  readonly iniFiles?: {
    readonly folder: string;
    readonly main: readonly string[];
    readonly scanned: readonly string[];
  };
}

/** The pool asks for an engine that is not there. */
export class EngineError extends Error {
  readonly code = 'HATHI_ENGINE';
}

/**
 * Chooses the engine by the directive `engine`: `auto` takes the native one where it is built, else the embedded.
 *
 * @throws EngineError when the pool insists on an engine that this tree does not have
 */
export function engineCommand(pool: PoolConfig): EngineCommand {
  switch (pool.engine) {
    case 'auto':
      return nativeCommand(pool) ?? withReason(pool);
    case 'embedded':
      return embeddedCommand(pool);
    case 'native':
      return insistOnNative(pool);
    default:
      throw new EngineError(`[pool ${pool.name}] unknown engine ${JSON.stringify(pool.engine)}`);
  }
}

/**
 * Whether what {@link engineCommand} would start is installed, down to the PHP version.
 *
 * @throws EngineError that names the pool and the remedy
 */
export function checkEngine(pool: PoolConfig): void {
  if (engineCommand(pool).engine !== 'embedded') return;
  try {
    findEngine(pool['engine.php'] ?? defaultVersion);
  } catch (error) {
    throw new EngineError(`[pool ${pool.name}] ${(error as Error).message}`);
  }
}

function insistOnNative(pool: PoolConfig): EngineCommand {
  const command = nativeCommand(pool);
  if (command !== undefined) return command;
  const located = locateEngine(pool['engine.php']);
  const reason = 'missing' in located ? located.missing : 'it cannot be started';
  throw new EngineError(`[pool ${pool.name}] engine = native: ${reason}`);
}

/** A build that cannot be used must not give way to the slower engine in silence. */
function withReason(pool: PoolConfig): EngineCommand {
  const located = locateEngine(pool['engine.php']);
  const isStale = 'missing' in located && located.isStale;
  return { ...embeddedCommand(pool), ...(isStale ? { instead: located.missing } : {}) };
}

function embeddedCommand(pool: PoolConfig): EngineCommand {
  return {
    engine: 'embedded',
    file: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', siblingModule(import.meta.url, './embedded/host')],
    // Room for the title that the host gives itself: libuv writes it over its arguments.
    argv0: `php-fpm: pool ${pool.name}`.padEnd(64),
  };
}
