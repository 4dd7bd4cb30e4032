/** The content of a row of the directive table. */

import type {
  EngineChoice,
  ExitChoice,
  HostStart,
  Isolation,
  LogFormat,
  LogLevel,
  ProcessManager,
  Scheduler,
  SlowlogFormat,
} from './values.ts';

/** An engine of a pool after `auto` is resolved. */
export type Engine = Exclude<EngineChoice, 'auto'>;

/** Types of parsed values, by directive type. */
export interface ValueTypes {
  string: string;
  integer: number;
  /** Whole seconds. */
  time: number;
  boolean: boolean;
  log_level: LogLevel;
  /** Number of syslog(3). */
  facility: number;
  /** Bytes; -1 for unlimited, 0 for unchanged. */
  rlimit_core: number;
  pm: ProcessManager;
  engine: EngineChoice;
  isolation: Isolation;
  host_start: HostStart;
  scheduler: Scheduler;
  exit_choice: ExitChoice;
  slowlog_format: SlowlogFormat;
  log_format: LogFormat;
  bytes: number;
  /** Limit of a worker's life; `auto`: by its growth. */
  requests: number | 'auto';
  /** Keys and values in file order; of equal keys the first one counts. */
  pairs: readonly (readonly [key: string, value: string])[];
  /** Stored as `1` or `0` in the `pairs` directive that `into` names. */
  flags: never;
  list: readonly string[];
  /** A pattern of files; read at once, not stored. */
  include: never;
}
export type DirectiveType = keyof ValueTypes;

/** An engine's treatment of a directive that it does not support. */
export interface Limit {
  /** `refused`: the pool does not start. `warned`: it starts with a warning. `ignored`: accepted for compatibility. */
  readonly standing: 'refused' | 'warned' | 'ignored';
  /** One sentence for the log and the documentation. */
  readonly because: string;
}

interface Row<Type extends DirectiveType, Value> {
  readonly name: string;
  readonly scope: 'global' | 'pool';
  readonly type: Type;
  /** Value without an entry in the file; without a default it is `undefined`. */
  readonly default?: Value;
  /** The file must set it. */
  readonly required?: true;
  /** Reason for refusing a value, in the log's words and without the pool's name; undefined for a valid value. */
  readonly check?: (value: Value) => string | undefined;
  /** A failed `check` is an alert instead of an error. */
  readonly alert?: true;
  /** Text for a default that is computed. */
  readonly defaultText?: string;
  readonly help: string;
  /** First PHP version with it, or `Hathi`. */
  readonly since: string;
  /** Engines that do not support it; all others do. */
  readonly limits?: Partial<Record<Engine, Limit>>;
  /** The only system with this directive; elsewhere it is unknown. */
  readonly platform?: string;
  /** For `flags`: the directive that receives the values. */
  readonly into?: 'php_value' | 'php_admin_value';
  /** Hathi's own directive. */
  readonly own?: true;
  /** Its value is never shown. */
  readonly secret?: true;
}

export type Directive = { [Type in DirectiveType]: Row<Type, ValueTypes[Type]> }[DirectiveType];

/** A row's value type; includes undefined if neither the file nor the table has to set it. */
type ValueOf<R extends Directive> = R extends { readonly default: unknown } | { readonly required: true }
  ? ValueTypes[R['type']]
  : ValueTypes[R['type']] | undefined;

/** The object described by a list of rows, keyed by directive names. */
export type Settings<Rows extends Directive> = {
  readonly [R in Rows as R['type'] extends 'include' | 'flags' ? never : R['name']]: ValueOf<R>;
};

/** Checks a nice value; the same in both scopes. */
export function checkPriority(value: number): string | undefined {
  return value < -19 || value > 20 ? 'process.priority must be included into [-19,20]' : undefined;
}
