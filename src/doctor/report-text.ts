/** Findings for a terminal or a pipe. */

import { type Severity, severities } from '../figures/findings.ts';
import { terminalText } from '../text/terminal.ts';
import { countFindings, type Finding, type Group, grouped } from './finding.ts';
import { listing } from './words.ts';

const colors: Readonly<Record<Severity, string>> = { critical: '31', warning: '33', advice: '36' };

export interface Report {
  readonly file: string;
  readonly findings: readonly Finding[];
  readonly unknown: readonly string[];
  readonly silenced: readonly string[];
  /** Number of checks. */
  readonly checks: number;
}

export function renderText({ file, findings, unknown, silenced, checks }: Report, color: boolean): string {
  const lines = grouped(findings).flatMap((group) => [...block(group, color), '']);
  if (unknown.length > 0)
    lines.push('Not looked at:', ...unknown.map((each) => `  ${terminalText(each)}`), '');
  if (silenced.length > 0) lines.push(`Silenced: ${silenced.join(', ')}`, '');
  lines.push(`${terminalText(file)}: ${summary(findings, checks)}`);
  return `${lines.join('\n')}\n`;
}

/** `2 critical, 1 warning, 3 advice`, or a text for no findings. */
export function summary(findings: readonly Finding[], checks: number): string {
  const counts = countFindings(findings);
  const told = severities
    .filter((severity) => counts[severity] > 0)
    .map((name) => `${counts[name]} ${plural(name, counts[name])}`);
  return `${told.length === 0 ? 'nothing found' : told.join(', ')} by ${checks} checks`;
}

function plural(severity: Severity, count: number): string {
  return severity === 'warning' && count !== 1 ? 'warnings' : severity;
}

/** Fixes for a machine of hundreds of pools are long; the JSON has them in full. */
const mostLines = 24;

/** The displayed lines, and the number of omitted ones. */
export function shownMend({ mend }: Finding): string[] {
  if (mend.length <= mostLines) return [...mend];
  return [...mend.slice(0, mostLines), `… ${mend.length - mostLines} lines more: --json has all`];
}

/** Further places; '' for a single finding. */
export function alsoIn({ first, others }: Group): string {
  return listing(
    [...new Set(others.map(({ subject }) => subject))].filter((subject) => subject !== first.subject),
    10,
  );
}

function block(group: Group, color: boolean): string[] {
  const { id, severity, subject, place, seen, effect, source } = group.first;
  const also = alsoIn(group);
  const where = place === undefined ? '' : `, ${place.file}:${place.line}`;
  const head = `${severity.toUpperCase()} ${id}`;
  return [
    `${color ? `\x1b[1;${colors[severity]}m${head}\x1b[0m` : head}  ${terminalText(subject + where)}`,
    `  seen    ${terminalText(seen)}`,
    ...(also === '' ? [] : [`  also    ${terminalText(also)}`]),
    `  effect  ${effect}`,
    ...shownMend(group.first).map(
      (line, index) => `  ${index === 0 ? 'mend  ' : '      '}  ${terminalText(line)}`,
    ),
    `  source  ${source.text}${source.url === undefined ? '' : `, ${source.url}`}`,
  ];
}
