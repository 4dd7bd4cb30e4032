/** What a row of the directive table says. */

import type {
  EngineChoice,
  HostStart,
  Isolation,
  LogFormat,
  LogLevel,
  ProcessManager,
  Scheduler,
  SlowlogFormat,
} from './values.ts';

/** An engine that runs a pool, once `auto` is decided. */
export type Engine = Exclude<EngineChoice, 'auto'>;

/** What a directive's value is once it is parsed, by the directive's type. */
export interface ValueTypes {
  string: string;
  integer: number;
  /** Whole seconds. */
  time: number;
  boolean: boolean;
  log_level: LogLevel;
  /** The number of syslog(3). */
  facility: number;
  /** Bytes; -1 for unlimited, 0 for unchanged. */
  rlimit_core: number;
  pm: ProcessManager;
  engine: EngineChoice;
  isolation: Isolation;
  host_start: HostStart;
  scheduler: Scheduler;
  slowlog_format: SlowlogFormat;
  log_format: LogFormat;
  bytes: number;
  /** Key and value in the order of the file; of two with one key the first wins. */
  pairs: readonly (readonly [key: string, value: string])[];
  /** Stored with the `pairs` directive that the row names in `into`, as `1` or `0`. */
  flags: never;
  list: readonly string[];
  /** A pattern of files, read at once and not kept. */
  include: never;
}
export type DirectiveType = keyof ValueTypes;

/** What an engine does with a directive that it does not honour. */
export interface Limit {
  /** `refused`: the pool does not start. `warned`: it starts. `ignored`: accepted for compatibility. */
  readonly standing: 'refused' | 'warned' | 'ignored';
  /** One sentence for the log and the documentation. */
  readonly because: string;
}

interface Row<Type extends DirectiveType, Value> {
  readonly name: string;
  readonly scope: 'global' | 'pool';
  readonly type: Type;
  /** The value where the file has none; a directive without one is `undefined` then. */
  readonly default?: Value;
  /** The file has to set it. */
  readonly required?: true;
  /** Why a value is not acceptable, in the words of the log and without the pool's name; undefined if it is. */
  readonly check?: (value: Value) => string | undefined;
  /** A value that fails `check` is an alert, not an error. */
  readonly alert?: true;
  /** The default, where it depends on something or needs words. */
  readonly defaultText?: string;
  readonly help: string;
  /** The PHP version that introduced it, or Hathi's. */
  readonly since: string;
  /** Engines that do not honour it; the others do. */
  readonly limits?: Partial<Record<Engine, Limit>>;
  /** The only system that has it; unknown elsewhere. */
  readonly platform?: string;
  /** For `flags`: the directive that the values go to. */
  readonly into?: 'php_value' | 'php_admin_value';
  /** Not one of PHP-FPM's. */
  readonly own?: true;
  /** Its value is shown nowhere. */
  readonly secret?: true;
}

export type Directive = { [Type in DirectiveType]: Row<Type, ValueTypes[Type]> }[DirectiveType];

/** A row's value type: with undefined where neither the file nor the table need have one. */
type ValueOf<R extends Directive> = R extends { readonly default: unknown } | { readonly required: true }
  ? ValueTypes[R['type']]
  : ValueTypes[R['type']] | undefined;

/** The object that a list of rows describes, keyed by the directives' own names. */
export type Settings<Rows extends Directive> = {
  readonly [R in Rows as R['type'] extends 'include' | 'flags' ? never : R['name']]: ValueOf<R>;
};

/** The check of a nice value, the same in both scopes. */
export function checkPriority(value: number): string | undefined {
  return value < -19 || value > 20 ? 'process.priority must be included into [-19,20]' : undefined;
}
