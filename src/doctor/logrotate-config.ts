/** The configuration of logrotate(8), as far as it tells which logs are rotated and how. */

import type { Place } from '../config/directives.ts';

/** One block: patterns and what is done with them. */
export interface LogRotation {
  readonly place: Place;
  readonly patterns: readonly string[];
  /** The file is emptied in place, so that nobody has to open it anew. */
  readonly copies: boolean;
  /** Lines of its scripts. */
  readonly scripts: readonly string[];
}

const scriptWords = ['postrotate', 'prerotate', 'firstaction', 'lastaction', 'preremove'];

/** Reads a file of logrotate. What it does not understand is left out: logrotate itself says what is wrong. */
export function parseLogrotate(text: string, file: string): LogRotation[] {
  const blocks: LogRotation[] = [];
  let patterns: string[] = [];
  let open: { line: number; copies: boolean; scripts: string[] } | undefined;
  let inScript = false;
  // What stands outside of blocks holds for all that follow.
  let copiesAll = false;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (inScript) {
      if (line === 'endscript') inScript = false;
      else open?.scripts.push(line);
      continue;
    }
    if (line === '' || line.startsWith('#')) continue;
    if (scriptWords.includes(line)) {
      inScript = true;
    } else if (open !== undefined && line.startsWith('}')) {
      const { copies, scripts } = open;
      blocks.push({ place: { file, line: open.line }, patterns, copies: copies || copiesAll, scripts });
      patterns = [];
      open = undefined;
    } else if (open !== undefined) {
      if (line === 'copytruncate') open.copies = true;
      if (line === 'nocopytruncate') open.copies = false;
    } else if (/^["/]/.test(line) || line.startsWith('{')) {
      const brace = line.indexOf('{');
      patterns.push(...pathsOf(brace < 0 ? line : line.slice(0, brace)));
      if (brace >= 0) open = { line: index + 1, copies: false, scripts: [] };
    } else if (line === 'copytruncate') {
      copiesAll = true;
    }
  }
  return blocks;
}

/** Paths, some of them in quotes. */
function pathsOf(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
}

/** The blocks that rotate a file. */
export function rotationsOf(blocks: readonly LogRotation[], path: string): LogRotation[] {
  return blocks.filter(({ patterns }) => patterns.some((pattern) => globPattern(pattern).test(path)));
}

/** A pattern of glob(7): no wildcard matches a slash, and none at its start a point. */
function globPattern(pattern: string): RegExp {
  const parts = [...pattern.matchAll(/\*+|\?|\[!?\]?[^\]]*\]|\\.|[^*?[\\]+|./gs)].map(([part]) => {
    if (part.startsWith('*')) return '[^/]*';
    if (part === '?') return '[^/]';
    if (part.length > 2 && part.startsWith('['))
      return `[${part.slice(1, -1).replace(/^!/, '^').replaceAll('\\', '\\\\')}]`;
    return (part.length === 2 && part.startsWith('\\') ? part.slice(1) : part).replace(
      /[.*+?^${}()|[\]\\/-]/g,
      '\\$&',
    );
  });
  try {
    return new RegExp(`^${parts.join('')}$`, 's');
  } catch {
    // A range that is none matches nothing, as in the shell.
    return /$^/;
  }
}
