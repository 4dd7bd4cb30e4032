/**
 * What the last reading of a configuration found in files that hold nothing but whole pools, as panels write them: of
 * such a file with the same text the same pools are taken, neither parsed nor checked again. Everything else that they
 * depend on is asked again and must have the same answer: names that the parser looked up, folders and logs that the
 * checks looked at. With any other answer the whole configuration is read without a memory.
 */

import { isDeepStrictEqual } from 'node:util';
import type { PoolConfig } from './directives.ts';
import type { ConfigMessage } from './messages.ts';
import type { ConfigSystem } from './system.ts';

/** Something remembered does not hold any more: the configuration has to be read without a memory. */
export class Outdated extends Error {
  override readonly name = 'Outdated';
}

/** A question that the parser asked while it read a line, and its answer. */
export interface Asked {
  readonly kind: 'constant' | 'variable';
  readonly name: string;
  readonly answer: string | undefined;
}

/** A question of the checks of a pool. @returns whether the answer is the same */
type Recheck = (system: ConfigSystem) => boolean;

/** The outcome of the checks of a pool. */
export interface Checked {
  readonly rechecks: readonly Recheck[];
  readonly messages: readonly ConfigMessage[];
}

/** A pool after its checks. */
export interface RememberedPool extends Checked {
  readonly pool: PoolConfig;
}

/** A file with nothing but whole pools. */
export interface RememberedFile {
  readonly text: string;
  readonly asked: readonly Asked[];
  readonly pools: readonly RememberedPool[];
}

/** Everything else that the checks of a pool depend on. */
export interface CheckContext {
  readonly prefix: string | undefined;
  readonly edgeTriggered: boolean;
}

/** Of one whole reading that was not refused. */
export interface ReadingMemory {
  /** By path, as in the messages. */
  readonly files: ReadonlyMap<string, RememberedFile>;
  readonly context: CheckContext;
}

/** The same memory with other objects for its pools. */
export function exchangePools(
  memory: ReadingMemory,
  others: ReadonlyMap<PoolConfig, PoolConfig>,
): ReadingMemory {
  if (others.size === 0) return memory;
  const files = new Map(memory.files);
  for (const [path, file] of files) {
    if (!file.pools.some(({ pool }) => others.has(pool))) continue;
    const pools = file.pools.map((one) => ({ ...one, pool: others.get(one.pool) ?? one.pool }));
    files.set(path, { ...file, pools });
  }
  return { ...memory, files };
}

const nothing: readonly never[] = [];

/** Records what the checks of pools ask the system. */
export class CheckRecorder {
  /** The system to be used by the checks. */
  readonly system: ConfigSystem;
  readonly #rechecks: Recheck[] = [];

  constructor(system: ConfigSystem) {
    const isQuestion = (name: keyof ConfigSystem): boolean => typeof system[name] === 'function';
    const names = (Object.keys(system) as (keyof ConfigSystem)[]).filter(isQuestion);
    const questions = names.map((name) => [name, (...args: never[]) => this.#ask(system, name, args)]);
    this.system = { ...system, ...Object.fromEntries(questions) };
  }

  #ask(system: ConfigSystem, name: keyof ConfigSystem, args: readonly never[]): unknown {
    const ask = (of: ConfigSystem): unknown => (of[name] as (...args: readonly never[]) => unknown)(...args);
    const answer = ask(system);
    this.#rechecks.push((now) => isDeepStrictEqual(ask(now), answer));
    return answer;
  }

  /** Questions since the last call. */
  take(): readonly Recheck[] {
    return this.#rechecks.length === 0 ? nothing : this.#rechecks.splice(0);
  }
}
