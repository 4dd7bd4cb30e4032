/** The changelog's part in a release: pure functions over its text. */

/** The heading of what is not released yet: `## 0.1.0 (not released)`. */
function unreleased(version: string): string {
  return `## ${version} (not released)`;
}

/**
 * The changelog in which that version is released.
 *
 * @param date `2026-11-30`
 * @throws Error when the section is missing, empty or not the first one
 */
export function released(text: string, version: string, date: string): string {
  const heading = unreleased(version);
  const lines = text.split('\n');
  const at = lines.indexOf(heading);
  const first = lines.findIndex((line) => line.startsWith('## '));
  if (at < 0) {
    const there = first < 0 ? 'it has no section at all' : `its first section is "${lines[first]}"`;
    throw new Error(`CHANGELOG.md has no section "${heading}": ${there}`);
  }
  if (at !== first)
    throw new Error(`"${heading}" is not the first section of CHANGELOG.md: move it to the top`);
  if (sectionOf(lines, at).trim() === '')
    throw new Error(`the section "${heading}" of CHANGELOG.md is empty`);
  return lines.with(at, `## ${version} (${date})`).join('\n');
}

/** The text below the heading of a released version. */
export function notesOf(text: string, version: string): string {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith(`## ${version} (`));
  return at < 0 ? '' : sectionOf(lines, at).trim();
}

function sectionOf(lines: readonly string[], at: number): string {
  const rest = lines.slice(at + 1);
  const end = rest.findIndex((line) => line.startsWith('## '));
  return rest.slice(0, end < 0 ? undefined : end).join('\n');
}
