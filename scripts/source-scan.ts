/** The imports and other references of a source file: read line by line from formatted code, without comments. */

import { posix } from 'node:path';

/** One file that another one names. */
export interface Import {
  /** Path from the root of the sources; a package or a module of Node as it is written. */
  readonly target: string;
  readonly isType: boolean;
}

/** A statement of the formatter's begins its line, so that text in a string or a comment is none. */
const statement = /^(?:import|export)\s+(type\s+)?(?:[\w$*{}\s,]+?\sfrom\s+)?'([^']+)'/gm;
const inside =
  /\bimport\(\s*'([^']+)'|\bprogramModule\('([^']+)'|\bpackageFile\('([^']+)'|\bnew URL\(\s*'([^']+)'|@import\s[^']*'([^']+)'/g;
const include = /^#\s*include\s+"([^"]+)"/gm;

/** The file without its comments; strings with a comment's marks in them at the start of a line do not occur. */
export function codeOf(text: string): string {
  return text
    .replace(/^[ \t]*\/\*(?!\* @import)[\s\S]*?\*\//gm, '')
    .replace(/^[ \t]*\/\/.*$/gm, '')
    .replace(/ \/\/ .*$/gm, '');
}

/** Everything that a file of TypeScript or JavaScript imports, and the files that it names by URL. */
export function importsOf(file: string, text: string): Import[] {
  const code = codeOf(text);
  const found: Import[] = [];
  for (const [, type, target] of code.matchAll(statement)) {
    found.push({ target: resolved(file, target!), isType: type !== undefined });
  }
  for (const [match, dynamic, program, ownFile, url, document] of code.matchAll(inside)) {
    const named = program === undefined ? ownFile : `src/${program}.ts`;
    if (named !== undefined) {
      found.push({ target: named, isType: false });
      continue;
    }
    const target = dynamic ?? url ?? document!;
    const isUrl = url !== undefined;
    if (isUrl && !target.startsWith('.')) continue;
    found.push({ target: resolved(file, target), isType: match.startsWith('@import') });
  }
  return found;
}

/** Headers of the project that a file of C includes; they are named from the folder `native`. */
export function includesOf(text: string): Import[] {
  return [...text.matchAll(include)].map(([, name]) => ({ target: `native/${name}`, isType: false }));
}

/** A function or object of C that other files may use; the formatter's rule is that a definition begins its line. */
const definition =
  /^(?!static\b|extern\b|typedef\b|struct \w+ \{)[A-Za-z_][^;{}=()#]*?\b(hathi_\w+)\s*(?:\([^;{}]*\)\s*\{|=|;)/gm;

/** By the name of each function and object of C, the file that defines it. */
export function definitionsOf(sources: ReadonlyMap<string, string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const [file, text] of sources) {
    if (!file.endsWith('.c')) continue;
    for (const [, name] of codeOf(text).matchAll(definition)) found.set(name!, file);
  }
  return found;
}

/** The files that define what a file of C uses, whatever it includes; a header declares, and uses nothing. */
export function usesOf(file: string, text: string, definitions: ReadonlyMap<string, string>): Import[] {
  if (!file.endsWith('.c')) return [];
  const names = codeOf(text).match(/(?<!(?:struct|enum|union) )\bhathi_\w+/g) ?? [];
  const targets = new Set(names.map((name) => definitions.get(name) ?? file));
  targets.delete(file);
  return [...targets].map((target) => ({ target, isType: false }));
}

/** The headers of PHP that a file of C includes. */
export function phpHeadersOf(text: string): string[] {
  return [...text.matchAll(/^#\s*include\s+<((?:php|zend|Zend\/|main\/|ext\/|SAPI|TSRM)[^>]*)>/gm)].map(
    ([, name]) => name!,
  );
}

function resolved(file: string, name: string): string {
  return name.startsWith('.') ? posix.join(posix.dirname(file), name) : name;
}

/** The names that a file imports from modules of Node's file system, with what it calls them itself. */
export function fileFunctions(text: string): string[] {
  const names: string[] = [];
  for (const [, list] of codeOf(text).matchAll(
    /^import\s+\{([^}]*)\}\s+from\s+'node:fs(?:\/promises)?';/gm,
  )) {
    names.push(...list!.split(',').map((name) => name.trim().replace(/^type\s+/, '')));
  }
  if (/^import\s+(?:\w+|\*\s+as\s+\w+)\s+from\s+'node:fs/m.test(text)) names.push('*');
  return names.filter((name) => name !== '');
}
