/** The configuration of logrotate(8): rotated logs and their options. */

import type { Place } from '../config/directives.ts';

/** One block: patterns and options. */
export interface LogRotation {
  readonly place: Place;
  readonly patterns: readonly string[];
  /** The file is truncated in place, so no process has to reopen it. */
  readonly copies: boolean;
  /** Lines of its scripts. */
  readonly scripts: readonly string[];
}

const scriptWords = ['postrotate', 'prerotate', 'firstaction', 'lastaction', 'preremove'];

/** Parses a file of logrotate. Unknown parts are skipped: logrotate itself reports errors. */
export function parseLogrotate(text: string, file: string): LogRotation[] {
  const blocks: LogRotation[] = [];
  let patterns: string[] = [];
  let open: { line: number; copies: boolean; scripts: string[] } | undefined;
  let inScript = false;
  // Options outside of blocks apply to all later ones.
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

/** Paths, some of them quoted. */
function pathsOf(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
}

/** The blocks that rotate a file. */
export function rotationsOf(blocks: readonly LogRotation[], path: string): LogRotation[] {
  return blocks.filter(({ patterns }) => patterns.some((pattern) => globPattern(pattern).test(path)));
}

/** A pattern of glob(7): no wildcard matches a slash, or a point at the start. */
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
    // An invalid range matches nothing, as in the shell.
    return /$^/;
  }
}
