/** Applies one statement of a section to the configuration being read. */

import type { Directive, DirectiveType, ValueTypes } from './directive.ts';
import {
  DIRECTIVES,
  type Draft,
  directive,
  type GlobalConfig,
  isArray,
  type Place,
  type PoolConfig,
} from './directives.ts';
import type { POOL_DIRECTIVES } from './directives-pool.ts';
import type { IniStatement } from './ini.ts';
import type { Messages } from './messages.ts';
import { nearest } from './suggest.ts';
import * as values from './values.ts';

/** The section of a statement: global or a pool. */
export interface Section {
  readonly settings: Draft<GlobalConfig> | Draft<PoolConfig>;
  /** Undefined in the global section. */
  readonly pool: Draft<PoolConfig> | undefined;
}

interface Target extends Section {
  readonly place: Place;
  readonly platform: string;
  readonly messages: Messages;
}

/** The parsers of single-value types. */
const PARSERS: {
  readonly [Type in DirectiveType]?: (
    text: string,
    pool: string | undefined,
  ) => values.Parsed<ValueTypes[Type]>;
} = {
  string: values.parseString,
  integer: values.parseInteger,
  time: values.parseTime,
  boolean: values.parseBoolean,
  log_level: values.parseLogLevel,
  facility: values.parseFacility,
  rlimit_core: values.parseCoreLimit,
  pm: values.parseProcessManager,
  engine: values.parseEngine,
  isolation: values.parseIsolation,
  host_start: values.parseHostStart,
  scheduler: values.parseScheduler,
  exit_choice: values.parseExitChoice,
  slowlog_format: values.parseSlowlogFormat,
  log_format: values.parseLogFormat,
  bytes: values.parseBytes,
  requests: values.parseRequests,
};

/** Names that php-fpm compares with case: arrays and `include`. */
const ARRAY_NAMES = DIRECTIVES.filter(isArray).map((row) => row.name);

/** `name = value`. Refuses invalid ones through `messages`. */
export function assignEntry(target: Target, entry: Extract<IniStatement, { kind: 'entry' }>): void {
  const { pool } = target;
  const at = where(target.place);
  if (entry.value === undefined) {
    target.messages.refuse('error', `${at} value is NULL for a ZEND_INI_PARSER_ENTRY`, [
      withoutValue(entry.name),
    ]);
  }
  const row = scalarRow(target, entry.name);
  if (!row) {
    target.messages.refuse('error', `${at} unknown entry '${entry.name}'`, aboutUnknown(target, entry.name));
  }
  const parsed = PARSERS[row.type]?.(entry.value, pool?.name) ?? { reason: 'it takes no value' };
  if ('reason' in parsed) {
    const text = `${at} unable to parse value for entry '${row.name}': ${parsed.reason}`;
    target.messages.refuse('error', text, [`The value is '${entry.value}'.`]);
  }
  (target.settings as unknown as Record<string, unknown>)[row.name] = parsed.value;
  target.settings.places.set(row.name, target.place);
}

/** `name[key] = value`. Refuses invalid ones through `messages`. */
export function assignArray(
  target: Target,
  { name, key, value }: Extract<IniStatement, { kind: 'array' }>,
): void {
  const { pool } = target;
  const at = where(target.place);
  checkKey(target, { name, key, value });
  if (!pool) {
    target.messages.refuse('error', `${at} Array are not allowed in the global section`, [
      `'${name}[...]' belongs to a pool: put it below a section such as [www].`,
    ]);
  }
  const row = directive('pool', name);
  if (!row || !isArray(row)) {
    target.messages.refuse('error', `${at} unknown directive '${name}'`, aboutUnknownArray(target, name));
  }
  if (name === 'env' && value === '') {
    target.messages.refuse('error', `${at} empty value`, [`env[${key}] needs a value.`]);
  }
  const parsed = row.type === 'flags' ? parseFlag(value) : values.parseString(value, pool.name);
  if ('reason' in parsed) {
    target.messages.refuse('error', `${at} error while parsing '${name}[${key}]' : ${parsed.reason}`, [
      `The value is '${value}'.`,
    ]);
  }
  append(pool, row, key, parsed.value);
  pool.places.set(row.name, target.place);
}

/** Directives that are lists. */
type ListName = Extract<(typeof POOL_DIRECTIVES)[number], { readonly type: 'list' }>['name'];

function append(pool: Draft<PoolConfig>, row: Directive, key: string, value: string): void {
  if (row.type === 'list') {
    const list = row.name as ListName;
    pool[list] = [...pool[list], value];
    return;
  }
  const name = (row.type === 'flags' ? row.into : row.name) as 'env' | 'php_value' | 'php_admin_value';
  pool[name] = [...pool[name], [key, value]];
}

function parseFlag(text: string): values.Parsed<string> {
  const parsed = values.parseBoolean(text);
  return 'reason' in parsed ? parsed : { value: parsed.value ? '1' : '0' };
}

/** A list takes no keys, every other array needs one. */
function checkKey(target: Target, { name, key, value }: { name: string; key: string; value: string }): void {
  const at = where(target.place);
  if (directive('pool', name)?.type !== 'list') {
    if (key === '') target.messages.refuse('error', `${at} You must provide a key for field '${name}'`);
    return;
  }
  const isPath = name !== 'access.suppress_path' || value.startsWith('/');
  if (key !== '') {
    target.messages.add('error', `${at} Keys provided to field '${name}' are ignored`, [
      `Write: ${name}[] = ${value}`,
    ]);
  }
  if (!isPath) {
    const text = `${at} Values provided to field '${name}' must begin with '/'`;
    target.messages.add('error', text, [`The value is '${value}'.`]);
  }
  if (key !== '' || !isPath) target.messages.stop();
}

/** The row of a single-value directive; its name in any case. */
function scalarRow({ pool, platform }: Target, name: string): Directive | undefined {
  const lower = name.toLowerCase();
  const row = directive(pool ? 'pool' : 'global', lower);
  if (!row || isArray(row) || row.type === 'include') return undefined;
  return row.platform === undefined || row.platform === platform ? row : undefined;
}

/** A place in php-fpm's form, for the start of a message. */
function where({ file, line }: Place): string {
  return `[${file}:${line}]`;
}

function withoutValue(name: string): string {
  if (name.startsWith('#')) return 'A comment starts with a semicolon, not with #.';
  if (name.startsWith(`'`)) return `For an empty value write nothing, or "".`;
  return `'${name}' needs an equals sign and a value.`;
}

function aboutUnknown({ pool }: Target, name: string): string[] {
  const [here, there] = pool ? (['pool', 'global'] as const) : (['global', 'pool'] as const);
  const lower = name.toLowerCase();
  const own = directive(here, lower);
  if (own?.platform) return [`'${own.name}' exists on ${own.platform} only.`];
  if (own && isArray(own)) return [`'${own.name}' needs a key: ${own.name}[...] = value`];
  if (lower === 'include') return [`'include' is written in lower case.`];
  if (directive(there, lower)) {
    return there === 'pool'
      ? [`'${lower}' belongs to a pool: put it below a section such as [www].`]
      : [`'${lower}' belongs to the section [global], not to the pool '${pool?.name}'.`];
  }
  const names = (scope: Directive['scope']) =>
    DIRECTIVES.filter((row) => row.scope === scope).map((row) => row.name);
  const guess = nearest(name, names(here));
  if (guess !== undefined) return [`Did you mean '${guess}'?`];
  const elsewhere = nearest(name, names(there));
  const section = there === 'pool' ? 'a pool section such as [www]' : 'the section [global]';
  return elsewhere === undefined ? [] : [`Did you mean '${elsewhere}', in ${section}?`];
}

function aboutUnknownArray({ pool }: Target, name: string): string[] {
  const row = directive(pool ? 'pool' : 'global', name.toLowerCase());
  if (row && !isArray(row)) return [`'${row.name}' takes no key: ${row.name} = value`];
  const guess = nearest(name, ARRAY_NAMES);
  return guess === undefined ? [] : [`Did you mean '${guess}[...]'?`];
}
