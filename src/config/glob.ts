/** glob(7) for `include`, with PHP-FPM's options: an unreadable folder is an error. */

import { textPattern } from '../text/pattern.ts';
import { type ConfigSystem, failed } from './system.ts';

/** Matches, sorted, including folders; or glob(3)'s error number. */
export type GlobResult = { readonly paths: readonly string[] } | { readonly error: number };

/** GLOB_ABORTED of glibc. */
const ABORTED = 2;

/** The part of ConfigSystem that a pattern needs. */
export type GlobSystem = Pick<ConfigSystem, 'exists' | 'readDirectory'>;

/**
 * Finds the paths that match a pattern.
 *
 * @param pattern `*`, `?`, `[a-z]`, `[!a-z]`; a backslash before one of them makes it literal
 */
export function glob(pattern: string, system: GlobSystem): GlobResult {
  const paths = expand(pattern, system);
  return paths === undefined ? { error: ABORTED } : { paths };
}

/** Matching paths, including folders; undefined when a folder is unreadable. */
function expand(pattern: string, system: GlobSystem): readonly string[] | undefined {
  if (!hasWildcard(pattern)) {
    const path = pattern.replace(/\\(.)/gs, '$1');
    return path !== '' && system.exists(path) ? [path] : [];
  }
  const slash = pattern.lastIndexOf('/');
  const [head, last] = [pattern.slice(0, Math.max(slash, 0)), pattern.slice(slash + 1)];
  const folders = hasWildcard(head) ? expand(head, system) : [head.replace(/\\(.)/gs, '$1')];
  if (folders === undefined) return undefined;
  const matches: string[] = [];
  for (const folder of folders) {
    const prefix = slash === -1 ? '' : `${folder}/`;
    const names = namesIn(prefix === '' ? '.' : prefix, last, system);
    if (names === undefined) return undefined;
    matches.push(...names.map((name) => prefix + name));
  }
  return matches.sort();
}

/** The names in a folder that match one component; undefined when the folder is unreadable. */
function namesIn(folder: string, component: string, system: GlobSystem): readonly string[] | undefined {
  if (!hasWildcard(component)) {
    const name = component.replace(/\\(.)/gs, '$1');
    return system.exists(folder + name) ? [name] : [];
  }
  const names = system.readDirectory(folder);
  const NOT_A_DIRECTORY = 20;
  if (failed(names)) return names.errno === NOT_A_DIRECTORY ? [] : undefined;
  const pattern = textPattern(component);
  const all = component.startsWith('.')
    ? ['.', '..', ...names]
    : names.filter((name) => !name.startsWith('.'));
  return all.filter((name) => pattern.test(name));
}

function hasWildcard(pattern: string): boolean {
  return /[*?[]/.test(pattern.replace(/\\./gs, ''));
}
