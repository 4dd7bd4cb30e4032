/** Selects the engine of a pool and its host program. */

import type { PoolConfig } from '../../config/directives.ts';
import { programModule } from '../../runtime/module.ts';
import { defaultVersion, type EnginePackage, findEngine } from '../embedded/php/package.ts';
import type { EngineCommand } from '../engine-command.ts';
import { keeperCommand, locateEngine, nativeCommand, wantedVersion } from '../native/locate.ts';
import type { BuiltEngine } from '../native/store.ts';

/** The pool's engine is missing. */
export class EngineError extends Error {
  readonly code = 'HATHI_ENGINE';
  /** The message after the pool's name. */
  readonly reason: string;
  /** Additional lines: remedies. */
  readonly advice: readonly string[];

  constructor(pool: string, reason: string, advice: readonly string[] = []) {
    super(`[pool ${pool}] ${reason}`);
    this.reason = reason;
    this.advice = advice;
  }
}

/** The engine of a pool, for the operator. */
export interface ChosenEngine {
  readonly engine: 'embedded' | 'native';
  /** Exact version of PHP. */
  readonly php: string;
  /** With `engine = auto`: why it is not the native engine. */
  readonly instead?: string;
  /** The native engine. */
  readonly build?: BuiltEngine;
}

/**
 * Selects the engine by the directive `engine`: `auto` means native if it is built, else embedded. But a configuration
 * in the folder of one of this machine's PHPs never changes to another PHP silently.
 *
 * @throws EngineError when the pool demands an engine that is missing
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
      throw new EngineError(pool.name, `unknown engine ${JSON.stringify(pool.engine)}`);
  }
}

/**
 * The engine that {@link engineCommand} would start, with the exact version of PHP.
 *
 * @throws EngineError when it is not installed
 */
export function chosenEngine(pool: PoolConfig): ChosenEngine {
  const located = pool.engine === 'embedded' ? undefined : locateEngine(wantedVersion(pool));
  if (located !== undefined && 'engine' in located) {
    return { engine: 'native', php: located.engine.record.php, build: located.engine };
  }
  engineCommand(pool);
  const php = embeddedPackage(pool).phpVersion;
  return { engine: 'embedded', php, ...(located && { instead: located.missing }) };
}

/** @throws EngineError when it is not installed */
function embeddedPackage(pool: PoolConfig): EnginePackage {
  try {
    return findEngine(pool['engine.php'] ?? defaultVersion);
  } catch (error) {
    throw new EngineError(pool.name, (error as Error).message);
  }
}

/**
 * As {@link engineCommand}, for a pool about to start.
 *
 * @throws EngineError when it, or its version of PHP, is not installed
 */
export function installedEngine(pool: PoolConfig): EngineCommand {
  const command = engineCommand(pool);
  if (command.engine === 'native') return command;
  const { loaderPath, wasmPath } = embeddedPackage(pool);
  return { ...command, parts: [...command.parts, loaderPath, wasmPath] };
}

function insistOnNative(pool: PoolConfig): EngineCommand {
  const command = nativeCommand(pool);
  if (command !== undefined) return command;
  const located = locateEngine(wantedVersion(pool));
  const reason = 'missing' in located ? located.missing : 'it cannot be started';
  throw new EngineError(pool.name, `engine = native: ${reason}`);
}

/** An unusable build must not be replaced by the slower engine silently. */
function withReason(pool: PoolConfig): EngineCommand {
  const version = wantedVersion(pool);
  const located = locateEngine(version);
  const missing = 'missing' in located ? located : undefined;
  if (missing !== undefined && pool.folderVersion !== undefined) {
    throw new EngineError(pool.name, `engine = auto: ${missing.missing}`, [
      `Its configuration is in the folder of PHP ${pool.folderVersion}: 'hathi build --php-config php-config${version}' builds for PHP ${version}.`,
      "Set 'engine = embedded' to run the pool on PHP compiled to WebAssembly.",
    ]);
  }
  return { ...embeddedCommand(pool), ...(missing?.isStale ? { instead: missing.missing } : {}) };
}

function embeddedCommand(pool: PoolConfig): EngineCommand {
  const host = programModule('engine/embedded/host/host');
  return {
    engine: 'embedded',
    ...keeperOfAny(),
    file: process.execPath,
    args: [
      '--disable-warning=ExperimentalWarning',
      // A function of the module is validated when it is first called, as it is compiled: a tenth of a start's CPU time.
      '--wasm-lazy-validation',
      host,
    ],
    parts: [process.execPath, host],
    // Room for the host's title: libuv writes it over the arguments.
    argv0: `php-fpm: pool ${pool.name}`.padEnd(64),
  };
}

/** The keeper of sockets belongs to the native engine, and serves every pool where that is built for any PHP. */
function keeperOfAny(): Pick<EngineCommand, 'keeper'> {
  const located = locateEngine(undefined);
  return 'engine' in located ? { keeper: keeperCommand(located.engine) } : {};
}
