/**
 * The only list of directives: parser, defaults, checks, types, `-tt` and documentation read it. Its rows are in
 * `directives-global.ts` and `directives-pool.ts`.
 */

import type { Directive, Settings } from './directive.ts';
import { GLOBAL_DIRECTIVES } from './directives-global.ts';
import { POOL_DIRECTIVES } from './directives-pool.ts';

export const DIRECTIVES: readonly Directive[] = [...GLOBAL_DIRECTIVES, ...POOL_DIRECTIVES];

/** Where a section or a value stands. */
export interface Place {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

interface Configured {
  /** Where the files set a directive; those with their default value are absent. */
  readonly places: ReadonlyMap<string, Place>;
}

/** The `[global]` section, keyed by the directives' names. */
export type GlobalConfig = Settings<(typeof GLOBAL_DIRECTIVES)[number]> & Configured;

/** A pool, keyed by the directives' names. Times are seconds, sizes bytes, paths expanded. */
export type PoolConfig = Settings<(typeof POOL_DIRECTIVES)[number]> &
  Configured &
  Place & {
    /** The section's name; `file` and `line` tell where it was first opened. */
    readonly name: string;
    /** For the hidden pool of `pm.status_listen`: the pool whose status page it answers. */
    readonly statusOf?: string;
    /** The PHP version in whose folder the pool's file or the main file is, such as `8.2`. */
    readonly folderVersion?: string;
  };

/** A validated configuration. Its texts are binary strings (latin1, one character a byte). */
export interface Configuration {
  readonly global: GlobalConfig;
  /** In the order in which the files open them; at least one. */
  readonly pools: readonly PoolConfig[];
  /** `-p`. */
  readonly prefix?: string;
  /** The main file, as it was given. */
  readonly file: string;
}

/** A configuration that is being read: the same, to be written to. */
export type Draft<T> = { -readonly [Key in keyof T]: T[Key] } & { places: Map<string, Place> };

/** The row of a directive, by its exact name. */
export function directive(scope: Directive['scope'], name: string): Directive | undefined {
  return DIRECTIVES.find((row) => row.scope === scope && row.name === name);
}

/** Whether the directive's values carry a key in brackets. */
export function isArray(row: Directive): boolean {
  return row.type === 'pairs' || row.type === 'flags' || row.type === 'list';
}

/** A `[global]` section in which the file has set nothing yet. */
export function newGlobal(): Draft<GlobalConfig> {
  return { ...defaults('global'), places: new Map() } as Draft<GlobalConfig>;
}

/** A pool in which the file has set nothing yet; what is `required` is still undefined. */
export function newPool(name: string, place: Place): Draft<PoolConfig> {
  return { ...defaults('pool'), name, ...place, places: new Map() } as Draft<PoolConfig>;
}

function defaults(scope: Directive['scope']): Record<string, unknown> {
  const rows = DIRECTIVES.filter(
    (row) => row.scope === scope && row.type !== 'flags' && row.type !== 'include',
  );
  return Object.fromEntries(rows.map((row) => [row.name, isArray(row) ? [] : row.default]));
}
