/** The table of checks in Markdown, for docs/doctor.md. */

import { checkGroups } from './checks.ts';
import type { Check } from './finding.ts';

export function checksMarkdown(): string {
  return checkGroups.map(({ name, checks }) => `\n### ${name}\n\n${table(checks)}\n`).join('');
}

function table(checks: readonly Check[]): string {
  const rows = checks.map(({ id, severity, title, effect, source, live }) => {
    const where = source.url === undefined ? source.text : `[${source.text}](${source.url})`;
    return `| \`${id}\` | ${severity} | ${cell(title)}${live ? ' (`--live`)' : ''} | ${cell(effect)} | ${cell(where)} |`;
  });
  return ['| id | severity | fault | consequence | source |', '|---|---|---|---|---|', ...rows].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
