/** The rules of the rooms, as checks over sources: each names what breaks it, in words for whoever broke it. */

import { rooms as allRooms, type Room, type Voice } from './rooms.ts';
import {
  codeOf,
  definitionsOf,
  fileFunctions,
  type Import,
  importsOf,
  includesOf,
  phpHeadersOf,
  usesOf,
} from './source-scan.ts';

/** Texts of the sources by their path from the root. */
export type Sources = ReadonlyMap<string, string>;

/** Names that are no folder of sources: what a room may name beside rooms. */
const outside: Readonly<Record<string, readonly string[]>> = { 'package.json': ['src/runtime'] };

/** Modules whose import means that lines are put into a log. */
const logWriters: ReadonlySet<string> = new Set(
  [
    'access-log',
    'destination',
    'error-log',
    'persistent-writer',
    'pool-voice',
    'slow-log-file',
    'worker-output',
  ].map((name) => `src/log/${name}.ts`),
);

/** Functions of Node's file system that change something; those that open are looked at by their calls. */
const changing =
  /^(?:write|append|mkdir|mkdtemp|rename|unlink|rm|rmdir|chmod|chown|lchown|fchmod|fchown|ftruncate|truncate|symlink|link|copyFile|cp|utimes|futimes|lutimes|createWriteStream)/;
const opening = /^open(?:Sync)?(?: as (?<name>\w+))?$/;
/** Opening for reading, or /dev/null. */
const harmlessOpen = /^\s*(?:'\/dev\/null'|[^;]*?,\s*'r'\s*\)|[^,;()]*(?:`[^`]*`)?[^,;()]*\))/;
/** Files at their place, by `src/posix`: whoever has one may change what is there. */
const places = /\b(?:atPlace|withFile)\(/;

/** Regular expressions and tables by which characters are made harmless. */
const cleaning =
  /\[[^\]\n^]*(?:\\x00-\\x1f|\\u0000-\\u001f|\\0-\\x1f|\\0-\\u001f)|\\p\{C[a-z]?\}|&(?:amp|lt|gt|quot);/;

/** Hands the addon of `src/posix` to threads, whose modules come from memory. */
const addonLender = 'src/engine/embedded/host/program-image.ts';

/** A binary string from bytes or text, or the other way round, in one expression. */
const converting =
  /Buffer\.from\([^;\n]*, 'latin1'\)\.toString\('utf-?8'\)|Buffer\.from\([^;\n]*\)\.toString\('latin1'\)/;

interface File {
  readonly path: string;
  readonly text: string;
  readonly code: string;
  readonly room: Room | undefined;
  readonly imports: readonly Import[];
}

type Rule = (file: File, rooms: readonly Room[]) => string[];

/** Of every file on its own. */
const rules: readonly Rule[] = [
  function hasRoom({ path, room }) {
    return room === undefined ? [`${path} is in no room: add a row to scripts/rooms.ts`] : [];
  },

  function importsRooms({ path, room, imports }, rooms) {
    return imports.flatMap(({ target }) => {
      const other = roomOf(target, rooms)?.folder ?? rootFolder(target);
      if (other === undefined || room === undefined || other === room.folder) return [];
      if (room.imports.includes(other) || outside[other]?.includes(room.folder)) return [];
      return [`${path} imports ${target}: ${room.folder} may not import ${other}`];
    });
  },

  function importsTypes({ path, room, imports }, rooms) {
    if (room?.typesOnly !== true) return [];
    return imports
      .filter(({ target, isType }) => !isType && roomOf(target, rooms) !== room)
      .filter(({ target }) => roomOf(target, rooms) !== undefined)
      .map(({ target }) => `${path} imports ${target} not as a type: ${room.folder} shares types only`);
  },

  function writesFiles({ path, room, text, code }) {
    if (room === undefined || room.writes !== undefined) return [];
    const names = fileFunctions(text).filter((name) => changes(name, code));
    if (places.test(code)) names.push('a file at its place');
    return names.map((name) => `${path} uses ${name}: ${room.folder} writes no files`);
  },

  function putsLines({ path, room, imports, code }) {
    if (room === undefined) return [];
    const used: Voice[] = [];
    if (imports.some(({ target }) => logWriters.has(target))) used.push('log');
    if (/\bprocess\.(?:stdout|stderr)\b|\bconsole\.\w/.test(code)) used.push('terminal');
    return used
      .filter((voice) => !room.speaks?.includes(voice))
      .map((voice) => `${path} prints to the ${voice}: ${room.folder} may not`);
  },

  function callsSystem({ path, room, imports, code }) {
    const isForeign =
      imports.some(({ target }) => target === 'koffi' || target === 'node:ffi') ||
      /\bprocess\.dlopen\b|['"]koffi['"]/.test(code);
    return isForeign && room?.folder !== 'src/posix' && path !== addonLender
      ? [`${path} uses FFI: only src/posix does`]
      : [];
  },

  function makesHarmless({ path, room, code }) {
    const found = path.startsWith('src/') && room?.folder !== 'src/text' ? cleaning.exec(code) : null;
    if (found === null) return [];
    return [`${path} handles unsafe characters itself (${found[0]}): only src/text does`];
  },

  function includesPhp({ path, room, text }) {
    if (!/\.[ch]$/.test(path) || room?.folder === 'native/php') return [];
    return phpHeadersOf(text).map((name) => `${path} includes PHP's ${name}: only native/php does`);
  },

  function convertsByHand({ path, room, code }) {
    const found = path.startsWith('src/') && room?.folder !== 'src/text' ? converting.exec(code) : null;
    if (found === null) return [];
    return [`${path} converts binary strings itself (${found[0]}): src/text/binary.ts does`];
  },

  function readsArguments({ path, room, code }) {
    const mayRead = !path.startsWith('src/') || room?.folder.startsWith('src/cli') === true;
    const isProgram = /^#!|\bimport\.meta\.main\b/m.test(code);
    return !mayRead && !isProgram && /\bprocess\.argv\b/.test(code)
      ? [`${path} reads process.argv: only src/cli does`]
      : [];
  },
];

/** Everything in the sources that breaks a rule, circles of imports among files and among rooms included. */
export function violations(sources: Sources, rooms: readonly Room[] = allRooms): string[] {
  const definitions = definitionsOf(sources);
  const files = [...sources].map(([path, text]) => readFile(path, text, rooms, definitions));
  const links = new Map(files.map(({ path, imports }) => [path, imports.map(({ target }) => target)]));
  const roomLinks = new Map(rooms.map(({ folder, imports }) => [folder, imports]));
  return [
    ...files.flatMap((file) => rules.flatMap((rule) => rule(file, rooms))),
    ...circles(links).map((circle) => `files import each other: ${circle.join(', ')}`),
    ...circles(roomLinks).map((circle) => `rooms may import each other: ${circle.join(', ')}`),
    ...unusedRows(files, rooms),
  ];
}

/** A file of C imports what it includes, and the files whose functions it calls. */
function readFile(
  path: string,
  text: string,
  rooms: readonly Room[],
  definitions: ReadonlyMap<string, string>,
): File {
  const isC = /\.[ch]$/.test(path);
  const imports = isC ? [...includesOf(text), ...usesOf(path, text, definitions)] : importsOf(path, text);
  return { path, text, code: codeOf(text), room: roomOf(path, rooms), imports };
}

/** The room of the longest folder that a path is below. */
function roomOf(path: string, rooms: readonly Room[]): Room | undefined {
  return rooms
    .filter(({ folder }) => path.startsWith(`${folder}/`))
    .sort((left, right) => right.folder.length - left.folder.length)[0];
}

/** First part of a path of ours that is in no room; undefined of packages and modules of Node. */
function rootFolder(target: string): string | undefined {
  if (target === 'package.json' || /^(?:native|dashboard|src|tests|scripts|bench)\b/.test(target))
    return target.split('/')[0];
  return undefined;
}

function changes(name: string, code: string): boolean {
  if (name === '*') return true;
  const open = opening.exec(name);
  if (open === null) return changing.test(name);
  const called = open.groups?.['name'] ?? name;
  const calls = code.split(new RegExp(`(?<![.\\w])${called}\\(`)).slice(1);
  return calls.some((rest) => !harmlessOpen.test(rest));
}

/** A row that allows what nobody does has lost its meaning. */
function unusedRows(files: readonly File[], rooms: readonly Room[]): string[] {
  return rooms.flatMap((room) => {
    const own = files.filter((file) => file.room === room);
    const met = new Set(
      own.flatMap(({ imports }) =>
        imports.map(({ target }) => roomOf(target, rooms)?.folder ?? rootFolder(target)),
      ),
    );
    const unused = room.imports.filter((folder) => !met.has(folder));
    return unused.map((folder) => `${room.folder} imports nothing of ${folder}: take it out of the table`);
  });
}

/**
 * Groups of nodes that reach each other (strongly connected components, Tarjan 1972), each sorted.
 *
 * @param links what each node leads to; what is no node itself does not count
 */
export function circles(links: ReadonlyMap<string, readonly string[]>): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): number => {
    const number = order.size;
    order.set(node, number);
    lowest.set(node, number);
    stack.push(node);
    for (const next of links.get(node) ?? []) {
      if (!links.has(next)) continue;
      if (!order.has(next)) lowest.set(node, Math.min(lowest.get(node)!, visit(next)));
      else if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node)!, order.get(next)!));
    }
    if (lowest.get(node) === number) {
      const group = stack.splice(stack.indexOf(node));
      if (group.length > 1 || links.get(node)?.includes(node)) found.push(group.sort());
    }
    return lowest.get(node)!;
  };
  for (const node of links.keys()) if (!order.has(node)) visit(node);
  return found.sort();
}
