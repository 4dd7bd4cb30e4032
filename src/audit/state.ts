/** The state of a waiting application as named values, so that two of them can be compared. */

import type { FindingId } from './findings.ts';
import { placesOf, rootKind } from './places.ts';
import type { Rest, Settings } from './report-lines.ts';

/** A named part of the state: `ini` and `precision`, `descriptors` and `socket to /run/mysqld.sock`. */
export interface Part<Value> {
  readonly id: FindingId;
  readonly name: string;
  readonly value: Value;
}

/** Parts by id and name. */
export type Parts<Value> = ReadonlyMap<string, Part<Value>>;

function partsOf<Value>(parts: Iterable<Part<Value>>): Parts<Value> {
  return new Map([...parts].map((part) => [`${part.id}\0${part.name}`, part]));
}

function named<Value>(id: FindingId, values: Readonly<Record<string, Value>>): Part<Value>[] {
  return Object.entries(values).map(([name, value]) => ({ id, name, value }));
}

/** Probes whose value is a number of things, which may grow. */
const countedProbes: Readonly<Record<string, FindingId>> = {
  spl_autoload_functions: 'autoloaders',
  stream_get_wrappers: 'stream-wrappers',
  stream_get_filters: 'stream-wrappers',
};

/** What Hathi puts back at the end of a request. */
export function settingParts({ ini, timezone, umask, folder }: Settings): Parts<string> {
  return partsOf([
    ...named('ini', ini),
    { id: 'timezone', name: '', value: timezone },
    { id: 'umask', name: '', value: umask.toString(8).padStart(3, '0') },
    { id: 'working-folder', name: '', value: folder },
  ]);
}

/** State that should be the same before and after a request. */
export function stateParts(rest: Rest): Parts<string> {
  const probes = Object.entries(rest.probes).filter(([name]) => !Object.hasOwn(countedProbes, name));
  return partsOf([
    ...settingParts(rest).values(),
    ...Object.entries(rest.env).map(([name, hash]) => ({ id: 'env', name, value: String(hash) }) as const),
    { id: 'locale', name: '', value: rest.locale },
    { id: 'error-handler', name: '', value: handlers(rest.errorHandlers) },
    { id: 'exception-handler', name: '', value: handlers(rest.exceptionHandlers) },
    { id: 'output-buffer', name: '', value: String(rest.level) },
    { id: 'transaction', name: '', value: rest.transactions.join(', ') },
    { id: 'shutdown-function', name: '', value: String(rest.counts['shutdown functions'] ?? 0) },
    ...probes.map(([name, value]) => ({ id: 'extension', name, value: String(value) }) as const),
  ]);
}

/** The stack of handlers: the one in force, and how many are set. */
function handlers(names: readonly string[]): string {
  const name = names.at(-1);
  return name === undefined ? '' : `${name} (${names.length} set)`;
}

/** Counts that may grow with a request. */
export function countParts(rest: Rest): Parts<number> {
  const { 'shutdown functions': _, ...counts } = rest.counts;
  const probes = Object.entries(rest.probes).flatMap(([name, value]) => {
    const id = Object.hasOwn(countedProbes, name) ? countedProbes[name] : undefined;
    return id === undefined ? [] : [{ id, name, value: Number(value) }];
  });
  return partsOf([
    { id: 'memory', name: '', value: rest.memory },
    ...named('code', counts),
    ...named('objects', rest.objects),
    ...named('resources', rest.resources),
    ...named('descriptors', tallied(Object.values(rest.descriptors))),
    ...probes,
    ...valueParts(rest),
  ]);
}

function tallied(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = Object.create(null);
  for (const text of texts.map(withoutNumber)) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

/** Pipes and files without a name have a number of their own. */
function withoutNumber(target: string): string {
  return target.replace(/^(\w+):\[\d+\]$/, '$1').replace(/^(.*\/php)\w{6}( \(deleted\))?$/, '$1XXXXXX');
}

const kinds = { global: 'globals', static: 'statics', local: 'locals' } as const;

function* valueParts({ values }: Rest): Generator<Part<number>> {
  const places = placesOf(values);
  for (const [index, { count, bytes }] of values.entries()) {
    const place = places[index] ?? '';
    const id = kinds[rootKind(place)];
    yield { id, name: place, value: count };
    yield { id, name: `${place}${bytesSuffix}`, value: bytes };
  }
}

/** Behind the place of a value whose strings are counted instead of its elements. */
export const bytesSuffix = ' (bytes of its strings)';

/** Values of globals and statics, by place; those of running functions change with every request. */
export function identities({ values }: Rest): ReadonlyMap<string, number> {
  return new Map(
    values
      .filter(({ parent, key }) => parent < 0 && rootKind(key) !== 'local')
      .map(({ key, identity }) => [key, identity ?? 0]),
  );
}

/** Places that hold the mark of a request, with the number of that request. */
export function keptMarks({ values, marks }: Rest): { readonly place: string; readonly sequence: number }[] {
  if (marks.length === 0) return [];
  const places = placesOf(values);
  return marks.map(([node, mark]) => ({
    place: places[node] ?? '?',
    sequence: Number(/^hathi-audit-(\d+)-/.exec(mark)?.[1] ?? -1),
  }));
}
