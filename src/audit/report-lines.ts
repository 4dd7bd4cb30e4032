/**
 * The lines that the workers of an audit's pool write (native/php/audit.c). The worker runs the application's code,
 * so nothing in a line is taken without a look.
 */

/** State that Hathi puts back after a request. */
export interface Settings {
  readonly ini: Readonly<Record<string, string>>;
  readonly timezone: string;
  readonly umask: number;
  readonly folder: string;
}

/** The application waits for a request. */
export interface Rest extends Settings {
  readonly event: 'rest';
  /** Number of the boot in this process. */
  readonly boot: number;
  /** Requests since. */
  readonly served: number;
  /** The script has ended behind its last request. */
  readonly ended: boolean;
  readonly memory: number;
  /** Level of output buffering. */
  readonly level: number;
  readonly locale: string;
  /** Hashes of values. */
  readonly env: Readonly<Record<string, number>>;
  readonly errorHandlers: readonly string[];
  readonly exceptionHandlers: readonly string[];
  readonly descriptors: Readonly<Record<string, string>>;
  readonly resources: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<string, number>>;
  /** By function. */
  readonly probes: Readonly<Record<string, string | number>>;
  /** Classes of connections with an open transaction. */
  readonly transactions: readonly string[];
  /** By class. */
  readonly objects: Readonly<Record<string, number>>;
  readonly values: readonly Node[];
  /** Nodes that hold the mark of a request. */
  readonly marks: readonly (readonly [node: number, mark: string])[];
  /** There are more values than an audit follows. */
  readonly cut: boolean;
}

/** An array, an object, or a value in a root place. */
export interface Node {
  readonly parent: number;
  readonly key: string;
  readonly count: number;
  readonly bytes: number;
  /** Of a root: another number when its value is another. */
  readonly identity: number | undefined;
}

/** A handler has ended. */
export interface Handled extends Settings {
  readonly event: 'handled';
  readonly exited: boolean;
  /** Levels of output buffering that the handler left open. */
  readonly level: number;
}

/** The first line of a worker. */
export interface WorkerUp {
  readonly event: 'worker';
  readonly pool: string;
  readonly pid: number;
}

export type ReportLine = WorkerUp | Rest | Handled;

type Fields = Readonly<Record<string, unknown>>;

/** @throws Error for a line that no worker of Hathi writes */
export function parseReportLine(line: string): ReportLine {
  const fields = objectOf(JSON.parse(line), 'the line');
  switch (fields['event']) {
    case 'worker':
      return { event: 'worker', pool: text(fields, 'pool'), pid: number(fields, 'pid') };
    case 'handled':
      return {
        event: 'handled',
        exited: number(fields, 'exited') === 1,
        level: number(fields, 'level'),
        ...settings(fields),
      };
    case 'rest':
      return rest(fields);
    default:
      throw new Error(`no event is called ${JSON.stringify(fields['event'])}`);
  }
}

function rest(fields: Fields): Rest {
  return {
    event: 'rest',
    boot: number(fields, 'boot'),
    served: number(fields, 'served'),
    ended: number(fields, 'ended') === 1,
    memory: number(fields, 'memory'),
    level: number(fields, 'level'),
    locale: text(fields, 'locale'),
    env: mapOf(fields, 'env', isNumber),
    errorHandlers: listOf(fields, 'errorHandlers', isText),
    exceptionHandlers: listOf(fields, 'exceptionHandlers', isText),
    descriptors: mapOf(fields, 'descriptors', isText),
    resources: mapOf(fields, 'resources', isNumber),
    counts: mapOf(fields, 'counts', isNumber),
    probes: mapOf(fields, 'probes', (value) => isNumber(value) || isText(value)),
    transactions: listOf(fields, 'transactions', isText),
    objects: mapOf(fields, 'objects', isNumber),
    values: listOf(fields, 'values', Array.isArray).map(node),
    marks: listOf(fields, 'marks', isMark),
    cut: number(fields, 'cut') === 1,
    ...settings(fields),
  };
}

function settings(fields: Fields): Settings {
  return {
    ini: mapOf(fields, 'ini', isText),
    timezone: text(fields, 'timezone'),
    umask: number(fields, 'umask'),
    folder: text(fields, 'folder'),
  };
}

/** `[parent, key, kind, count, bytes, identity?]` */
function node(value: readonly unknown[]): Node {
  const [parent, key, kind, count, bytes, identity] = value;
  const isWhole = isNumber(parent) && isText(key) && isNumber(kind) && isNumber(count) && isNumber(bytes);
  if (!isWhole) throw new Error('a value is not as expected');
  return { parent, key, count, bytes, identity: isNumber(identity) ? identity : undefined };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';

function isMark(value: unknown): value is [number, string] {
  return Array.isArray(value) && isNumber(value[0]) && isText(value[1]);
}

function objectOf(value: unknown, name: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new Error(`${name} is no object`);
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (isText(value)) return value;
  throw new Error(`"${name}" is no text`);
}

function number(fields: Fields, name: string): number {
  const value = fields[name];
  if (isNumber(value)) return value;
  throw new Error(`"${name}" is no number`);
}

function listOf<Item>(fields: Fields, name: string, isItem: (value: unknown) => value is Item): Item[] {
  const value = fields[name];
  if (Array.isArray(value) && value.every(isItem)) return value;
  throw new Error(`"${name}" is no such list`);
}

function mapOf<Item>(
  fields: Fields,
  name: string,
  isItem: (value: unknown) => value is Item,
): Readonly<Record<string, Item>> {
  const map = objectOf(fields[name], `"${name}"`);
  if (Object.values(map).every(isItem)) return map as Readonly<Record<string, Item>>;
  throw new Error(`"${name}" has something else in it`);
}
