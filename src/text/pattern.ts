/** Patterns with `*`, `?` and `[...]`. */

/**
 * A pattern as a regular expression over the whole text, as fnmatch(3) without flags: `*` and `?` match a slash too.
 *
 * @param pattern `*`, `?`, `[a-z]`, `[!a-z]`; a backslash before one of them makes it literal
 */
export function textPattern(pattern: string): RegExp {
  const source = pattern.replace(
    /\\(.)|\[([!^]?)(\]?[^\]]*)\]|([*?])|(.)/gs,
    (_match, escaped?: string, not?: string, set?: string, wildcard?: string, other?: string) => {
      if (wildcard !== undefined) return wildcard === '*' ? '.*' : '.';
      if (set !== undefined) return `[${not === '' ? '' : '^'}${set.replace(/[\\[\]^]/g, '\\$&')}]`;
      return (escaped ?? other ?? '').replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
    },
  );
  try {
    return new RegExp(`^${source}$`, 's');
  } catch {
    // A reversed range matches nothing.
    return /(?!)/;
  }
}
