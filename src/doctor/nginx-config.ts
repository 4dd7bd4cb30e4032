/** nginx's configuration language: directives with words, and blocks of them. Pure; files are read by the caller. */

import type { Place } from '../config/directives.ts';

export interface NginxDirective {
  readonly name: string;
  readonly args: readonly string[];
  readonly place: Place;
  readonly block?: readonly NginxDirective[];
}

/** The text of a file, and the files of an `include`. */
export interface NginxFiles {
  /** Undefined when unreadable. */
  readonly text: (path: string) => string | undefined;
  /** Paths that a pattern of glob(7) matches, sorted. */
  readonly matches: (pattern: string) => readonly string[];
}

/** Limits for files that include each other. */
export const includeLimits = { files: 5000, depth: 50 } as const;

/** Reads a main file with all its includes; relative ones are beside it. Invalid parts are skipped. */
export function readNginx(main: string, files: NginxFiles): NginxDirective[] {
  const folder = main.slice(0, main.lastIndexOf('/'));
  let left: number = includeLimits.files;
  const expand = (directives: readonly NginxDirective[], depth: number): NginxDirective[] =>
    directives.flatMap((directive) => {
      if (directive.name === 'include') {
        const [pattern = ''] = directive.args;
        return files
          .matches(pattern.startsWith('/') ? pattern : `${folder}/${pattern}`)
          .flatMap((path) => read(path, depth + 1));
      }
      return directive.block === undefined
        ? [directive]
        : [{ ...directive, block: expand(directive.block, depth) }];
    });
  const read = (path: string, depth: number): NginxDirective[] => {
    const text = left-- > 0 && depth < includeLimits.depth ? files.text(path) : undefined;
    return text === undefined ? [] : expand(parseNginx(text, path), depth);
  };
  return read(main, 0);
}

/** The files in the output of `nginx -T`: texts by path, main file first; undefined for other text. */
export function filesOfDump(text: string): Map<string, string> | undefined {
  const parts = text.split(/^# configuration file (.+):\n/m);
  if (parts.length < 3) return undefined;
  const files = new Map<string, string>();
  for (let at = 1; at + 1 < parts.length; at += 2) files.set(parts[at] ?? '', parts[at + 1] ?? '');
  return files;
}

type Token = { readonly kind: 'word' | ';' | '{' | '}'; readonly text: string; readonly at: number };

/** Parses one file; includes stay unresolved. An unclosed block ends with the file. */
export function parseNginx(text: string, file: string): NginxDirective[] {
  return new Parser(text, file).block();
}

class Parser {
  readonly #text: string;
  readonly #file: string;
  #at = 0;
  /** Incremented with the tokens. */
  #line = 1;
  #counted = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  block(): NginxDirective[] {
    const directives: NginxDirective[] = [];
    let words: Token[] = [];
    for (let token = this.#next(); token !== undefined && token.kind !== '}'; token = this.#next()) {
      if (token.kind === 'word') {
        words.push(token);
        continue;
      }
      const [name, ...args] = words;
      words = [];
      const place = { file: this.#file, line: this.#lineOf(name?.at ?? token.at) };
      const block = token.kind === '{' ? this.#inner(name?.text ?? '') : undefined;
      if (name === undefined) continue;
      const directive = { name: name.text, args: args.map((arg) => arg.text), place };
      directives.push(block === undefined ? directive : { ...directive, block });
    }
    return directives;
  }

  /** A block of Lua is not nginx syntax. */
  #inner(name: string): NginxDirective[] {
    if (!name.endsWith('_by_lua_block')) return this.block();
    for (let depth = 1; depth > 0 && this.#at < this.#text.length; this.#at++) {
      if (this.#text[this.#at] === '{') depth++;
      else if (this.#text[this.#at] === '}') depth--;
    }
    return [];
  }

  #next(): Token | undefined {
    const blank = /(?:\s+|#[^\n]*)*/y;
    blank.lastIndex = this.#at;
    blank.exec(this.#text);
    this.#at = Math.max(this.#at, blank.lastIndex);
    const at = this.#at;
    const first = this.#text[at];
    if (first === undefined) return undefined;
    if (first === ';' || first === '{' || first === '}') {
      this.#at++;
      return { kind: first, text: first, at };
    }
    return { kind: 'word', text: first === '"' || first === "'" ? this.#quoted(first) : this.#plain(), at };
  }

  #quoted(quote: string): string {
    const pattern = quote === '"' ? /"((?:\\.|[^"\\])*)"?/sy : /'((?:\\.|[^'\\])*)'?/sy;
    pattern.lastIndex = this.#at;
    const [whole = quote, inner = ''] = pattern.exec(this.#text) ?? [];
    this.#at += whole.length;
    return inner.replace(/\\(["'\\])/g, '$1');
  }

  /** Braces of `${name}` belong to the word; a backslash escapes the next character. */
  #plain(): string {
    const pattern = /(?:\\.|\$\{\w*\}|[^\s;{}\\])+/sy;
    pattern.lastIndex = this.#at;
    const [whole = this.#text[this.#at] ?? ''] = pattern.exec(this.#text) ?? [];
    this.#at += Math.max(1, whole.length);
    return whole;
  }

  /** Positions are ascending, except for the name of a directive, which is before its end. */
  #lineOf(at: number): number {
    if (at < this.#counted) return this.#text.slice(0, at).split('\n').length;
    for (; this.#counted < at; this.#counted++) if (this.#text[this.#counted] === '\n') this.#line++;
    return this.#line;
  }
}
