/** Apache's configuration language: directives with words, and sections of them. Pure; files are read by the caller. */

import type { Place } from '../config/directives.ts';
import { includeLimits } from './nginx-config.ts';

export interface ApacheDirective {
  /** In lower case. */
  readonly name: string;
  readonly args: readonly string[];
  readonly place: Place;
  /** For a section such as <VirtualHost>. */
  readonly block?: readonly ApacheDirective[];
}

export interface ApacheFiles {
  readonly text: (path: string) => string | undefined;
  readonly matches: (pattern: string) => readonly string[];
  /** Values of `${NAME}`: envvars and Define. */
  readonly variables: ReadonlyMap<string, string>;
}

/** Reads a main file with all its includes; relative ones are below `ServerRoot`, else below its folder. */
export function readApache(main: string, files: ApacheFiles): ApacheDirective[] {
  const folder = main.slice(0, main.lastIndexOf('/'));
  const variables = new Map(files.variables);
  let left: number = includeLimits.files;
  const expand = (directives: readonly ApacheDirective[], depth: number): ApacheDirective[] =>
    directives.flatMap((directive) => {
      const args = directive.args.map((arg) => withVariables(arg, variables));
      if (directive.name === 'define' && args[0] !== undefined) variables.set(args[0], args[1] ?? '');
      if (directive.name === 'include' || directive.name === 'includeoptional') {
        const [pattern = ''] = args;
        return files
          .matches(pattern.startsWith('/') ? pattern : `${folder}/${pattern}`)
          .flatMap((path) => read(path, depth + 1));
      }
      if (directive.block === undefined) return [{ ...directive, args }];
      // The loaded modules are unknown: directives that need one always count.
      if (/^if(?:module|define|version|file)$/.test(directive.name)) return expand(directive.block, depth);
      return [{ ...directive, args, block: expand(directive.block, depth) }];
    });
  const read = (path: string, depth: number): ApacheDirective[] => {
    const text = left-- > 0 && depth < includeLimits.depth ? files.text(path) : undefined;
    return text === undefined ? [] : expand(parseApache(text, path), depth);
  };
  return read(main, 0);
}

function withVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(/\$\{(\w+)\}/g, (whole, name: string) => variables.get(name) ?? whole);
}

/** Reads one file. An unclosed section ends with the file. */
export function parseApache(text: string, file: string): ApacheDirective[] {
  const top: ApacheDirective[] = [];
  const open: { readonly name: string; readonly block: ApacheDirective[] }[] = [];
  for (const { line, at } of logicalLines(text)) {
    const place = { file, line: at };
    const into = open.at(-1)?.block ?? top;
    const closing = /^<\/(\w+)\s*>/.exec(line)?.[1]?.toLowerCase();
    const opening = /^<(\w+)\s*(.*?)\s*>$/.exec(line);
    if (closing !== undefined) {
      const index = open.findLastIndex(({ name }) => name === closing);
      if (index >= 0) open.length = index;
    } else if (opening !== null) {
      const name = (opening[1] ?? '').toLowerCase();
      const block: ApacheDirective[] = [];
      into.push({ name, args: wordsOf(opening[2] ?? ''), place, block });
      open.push({ name, block });
    } else {
      const [name = '', ...args] = wordsOf(line);
      if (name !== '') into.push({ name: name.toLowerCase(), args, place });
    }
  }
  return top;
}

/** Lines without comments; a final backslash continues a line. */
function logicalLines(text: string): { line: string; at: number }[] {
  const lines: { line: string; at: number }[] = [];
  let before: { line: string; at: number } | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const whole = `${before?.line ?? ''}${raw}`;
    const at = before?.at ?? index + 1;
    before = undefined;
    if (whole.endsWith('\\')) before = { line: whole.slice(0, -1), at };
    else if (!/^\s*(?:#|$)/.test(whole)) lines.push({ line: whole.trim(), at });
  }
  return lines;
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(/"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)'|(\S+)/g)].map(
    ([, double, single, plain]) => (double ?? single)?.replace(/\\(["'])/g, '$1') ?? plain ?? '',
  );
}
