/** Findings that the operator accepts: `ID` or `ID:NAME`, in which `*` stands for any text. */

import { nearest } from '../config/suggest.ts';
import { type Finding, findingKinds, isFindingId } from './findings.ts';

export interface AllowEntry {
  readonly text: string;
  readonly admits: (finding: Finding) => boolean;
}

/** @throws Error that names the nearest id */
export function parseAllowEntry(text: string): AllowEntry {
  const colon = text.indexOf(':');
  const id = colon === -1 ? text : text.slice(0, colon);
  if (!isFindingId(id)) {
    const meant = nearest(id, Object.keys(findingKinds));
    const hint = meant === undefined ? 'docs/worker-mode.md has the list' : `did you mean "${meant}"?`;
    throw new Error(`no finding is called ${JSON.stringify(id)}: ${hint}`);
  }
  const name = colon === -1 ? '*' : text.slice(colon + 1);
  const pattern = new RegExp(`^${name.split('*').map(escapePattern).join('.*')}$`, 's');
  return { text, admits: (finding) => finding.id === id && pattern.test(finding.name) };
}

/**
 * A file of entries, one a line; `#` begins a comment line.
 *
 * @throws Error with file and line
 */
export function parseAllowFile(text: string, file: string): AllowEntry[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) return [];
    try {
      return [parseAllowEntry(entry)];
    } catch (error) {
      throw new Error(`${file}:${index + 1}: ${(error as Error).message}`);
    }
  });
}

/** Parts the findings; entries that admit nothing are told, so that a list does not outlive its reasons. */
export function partAllowed(
  findings: readonly Finding[],
  entries: readonly AllowEntry[],
): { readonly open: Finding[]; readonly allowed: Finding[]; readonly unused: string[] } {
  const isAllowed = (finding: Finding): boolean => entries.some((entry) => entry.admits(finding));
  return {
    open: findings.filter((finding) => !isAllowed(finding)),
    allowed: findings.filter(isAllowed),
    unused: entries.filter((entry) => !findings.some(entry.admits)).map(({ text }) => text),
  };
}

function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
