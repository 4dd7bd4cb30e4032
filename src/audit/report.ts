/** The result of an audit, and its forms. */

import { type Severity, severities } from '../figures/findings.ts';
import { asciiJson } from '../text/json.ts';
import { terminalText } from '../text/terminal.ts';
import { type Finding, findingKinds } from './findings.ts';

export interface AuditReport {
  readonly script: string;
  /** The requests' labels, in order. */
  readonly requests: readonly string[];
  /** Requests sent to fresh processes and to the warm worker. */
  readonly sent: { readonly fresh: number; readonly warm: number };
  readonly findings: readonly Finding[];
  readonly allowed: readonly Finding[];
  readonly unused: readonly string[];
  /** Lines of workers and of the error log. */
  readonly log: readonly string[];
}

/** Worst first, then in the order of the table. */
export function sorted(findings: readonly Finding[]): Finding[] {
  const ids = Object.keys(findingKinds);
  const rank = ({ severity, id }: Finding): number => severities.indexOf(severity) * 1000 + ids.indexOf(id);
  return [...findings].sort((left, right) => rank(left) - rank(right));
}

/** Advice is no failure. */
export function counts({ findings }: AuditReport): number {
  return findings.filter(({ severity }) => severity !== 'advice').length;
}

/** The form is part of the interface: docs/worker-mode.md. */
export function renderJson(report: AuditReport): string {
  const row = ({ id, severity, name, requests, seen }: Finding) => {
    return { id, severity, name, requests, seen, title: findingKinds[id].title, mend: findingKinds[id].mend };
  };
  const { script, requests, sent, findings, allowed, unused, log } = report;
  const document = {
    script,
    requests,
    sent,
    findings: findings.map(row),
    allowed: allowed.map(row),
    unused,
    log,
  };
  return `${asciiJson(document, 2)}\n`;
}

const colors: Readonly<Record<Severity, string>> = { critical: '31', warning: '33', advice: '36' };

export interface TextOptions {
  readonly color: boolean;
  /** Advice in full, and the log. */
  readonly isVerbose: boolean;
}

export function renderText(report: AuditReport, options: TextOptions): string {
  const { findings, allowed, unused, log } = report;
  const shown = findings.filter(({ severity }) => options.isVerbose || severity !== 'advice');
  const advice = findings.filter((each) => !shown.includes(each));
  const isLogShown = log.length > 0 && (options.isVerbose || findings.some(({ id }) => endsWorker.has(id)));
  const lines = [
    ...shown.flatMap((each) => [...block(each, report, options.color), '']),
    ...(advice.length === 0 ? [] : ['Advice (in full with --verbose):', ...advice.map(inShort), '']),
    ...(allowed.length === 0 ? [] : ['Allowed:', ...allowed.map(inShort), '']),
    ...(unused.length === 0 ? [] : [`Allowed without need: ${unused.map(terminalText).join(', ')}`, '']),
    ...(isLogShown ? ['Log:', ...log.slice(-mostLog).map((line) => `  ${terminalText(line)}`), ''] : []),
    summary(report),
  ];
  return `${lines.join('\n')}\n`;
}

const endsWorker: ReadonlySet<Finding['id']> = new Set(['no-answer', 'fatal', 'error-answer', 'status']);
const mostLog = 20;

function inShort({ id, name, requests }: Finding): string {
  const which = requests.length === 0 ? '' : `  (request ${requests.map((index) => index + 1).join(', ')})`;
  return `  ${titleOf(id, name)}${which}`;
}

function titleOf(id: string, name: string): string {
  return name === '' ? id : `${id}:${terminalText(name)}`;
}

function block(
  { id, severity, name, requests, seen }: Finding,
  report: AuditReport,
  color: boolean,
): string[] {
  const head = severity.toUpperCase();
  const painted = color ? `\x1b[1;${colors[severity]}m${head}\x1b[0m` : head;
  const { title, mend } = findingKinds[id];
  return [
    `${painted} ${titleOf(id, name)}`,
    `  ${title}`,
    ...requests.map((index) => `  by    ${index + 1}  ${terminalText(report.requests[index] ?? '')}`),
    ...seen.map((line) => `  seen  ${terminalText(line)}`),
    `  mend  ${mend}`,
  ];
}

function summary({ script, requests, sent, findings }: AuditReport): string {
  const told = severities
    .map((name) => [name, findings.filter(({ severity }) => severity === name).length] as const)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} ${name === 'warning' && count > 1 ? 'warnings' : name}`);
  const asked = requests.length === 1 ? '1 request' : `${requests.length} requests`;
  const result = told.length === 0 ? 'nothing found' : told.join(', ');
  return `${terminalText(script)}: ${result} (${asked}, ${sent.fresh} times to fresh processes, ${sent.warm} times to a warm worker)`;
}
