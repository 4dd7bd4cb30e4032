/**
 * The only list of directives: parser, defaults, checks, types, `-tt` and documentation derive from it. Its rows are in
 * `directives-global.ts` and `directives-pool.ts`.
 */

import type { Directive, Settings } from './directive.ts';
import { GLOBAL_DIRECTIVES } from './directives-global.ts';
import { POOL_DIRECTIVES } from './directives-pool.ts';

export const DIRECTIVES: readonly Directive[] = [...GLOBAL_DIRECTIVES, ...POOL_DIRECTIVES];
const BY_NAME: ReadonlyMap<string, Directive> = new Map(
  DIRECTIVES.map((row) => [`${row.scope} ${row.name}`, row]),
);

/** Place of a section or a value. */
export interface Place {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

interface Configured {
  /** Places of the directives that the files set; defaults have none. */
  readonly places: ReadonlyMap<string, Place>;
}

/** The `[global]` section, keyed by the directives' names. */
export type GlobalConfig = Settings<(typeof GLOBAL_DIRECTIVES)[number]> & Configured;

/** A pool, keyed by the directives' names. Times are seconds, sizes bytes, paths expanded. */
export type PoolConfig = Settings<(typeof POOL_DIRECTIVES)[number]> &
  Configured &
  Place & {
    /** The section's name; `file` and `line` are its first place. */
    readonly name: string;
    /** For the hidden pool of `pm.status_listen`: the pool whose status page it answers. */
    readonly statusOf?: string;
    /** The PHP version of the folder that contains the pool's file or the main file, such as `8.2`. */
    readonly folderVersion?: string;
  };

/** A validated configuration. All text is binary strings (latin1, one character a byte). */
export interface Configuration {
  readonly global: GlobalConfig;
  /** In file order; at least one. */
  readonly pools: readonly PoolConfig[];
  /** `-p`. */
  readonly prefix?: string;
  /** Path of the main file, as given. */
  readonly file: string;
}

/** A configuration being read: the same, but writable. */
export type Draft<T> = { -readonly [Key in keyof T]: T[Key] } & { places: Map<string, Place> };

/** The row of a directive, by its exact name. */
export function directive(scope: Directive['scope'], name: string): Directive | undefined {
  return BY_NAME.get(`${scope} ${name}`);
}

/** Whether the directive takes a key in brackets. */
export function isArray(row: Directive): boolean {
  return row.type === 'pairs' || row.type === 'flags' || row.type === 'list';
}

/** A `[global]` section with default values only. */
export function newGlobal(): Draft<GlobalConfig> {
  return { ...defaults('global'), places: new Map() } as Draft<GlobalConfig>;
}

/** A pool with default values only; `required` directives are still undefined. */
export function newPool(name: string, place: Place): Draft<PoolConfig> {
  return { ...defaults('pool'), name, ...place, places: new Map() } as Draft<PoolConfig>;
}

/** Rows with a value of their own. */
const VALUES = DIRECTIVES.filter((row) => row.type !== 'flags' && row.type !== 'include');

/** Of scalars; thousands of pools are copies of it. */
const DEFAULTS = {
  global: scalarDefaults('global'),
  pool: scalarDefaults('pool'),
} as const;
const LISTS = VALUES.filter(isArray);

function scalarDefaults(scope: Directive['scope']): Record<string, unknown> {
  const rows = VALUES.filter((row) => row.scope === scope);
  return Object.fromEntries(rows.map((row) => [row.name, isArray(row) ? undefined : row.default]));
}

function defaults(scope: Directive['scope']): Record<string, unknown> {
  const values = { ...DEFAULTS[scope] };
  for (const row of LISTS) if (row.scope === scope) values[row.name] = [];
  return values;
}
