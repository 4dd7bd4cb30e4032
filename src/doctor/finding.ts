/** A finding: a row of the table of checks, and its observation. */

import type { Place } from '../config/directives.ts';
import { type FindingCount, type Severity, severities } from '../figures/findings.ts';
import type { Facts } from './facts.ts';

/** Exit codes by the worst finding; advice is no failure. */
const codes: Readonly<Record<Severity, number>> = { critical: 2, warning: 1, advice: 0 };

/** One observation of a check. Texts may contain untrusted input: the output makes them printable. */
export interface Sighting {
  /** `pool www`, `nginx`, `this machine`. */
  readonly subject: string;
  readonly place?: Place | undefined;
  readonly seen: string;
  /** The lines that fix it, ready for pasting, or the command. */
  readonly mend: readonly string[];
  /** If this one is worse or better than the check's own severity. */
  readonly severity?: Severity;
}

/** Reference that states the fault. */
export interface Source {
  readonly text: string;
  readonly url?: string;
}

/** A row of the table. `look` is pure; unknown facts give no sighting. */
export interface Check {
  readonly id: string;
  readonly severity: Severity;
  /** The fault. */
  readonly title: string;
  /** Its consequence. */
  readonly effect: string;
  readonly source: Source;
  /** It needs a running master. */
  readonly live?: true;
  readonly look: (facts: Facts) => readonly Sighting[];
}

export interface Finding extends Sighting {
  readonly id: string;
  readonly severity: Severity;
  readonly effect: string;
  readonly source: Source;
}

/** Findings of all checks except silenced ones, worst first, then in table order. */
export function examine(
  checks: readonly Check[],
  facts: Facts,
  silenced: ReadonlySet<string> = new Set(),
): Finding[] {
  return checks
    .filter(({ id }) => !silenced.has(id))
    .flatMap((check) =>
      check.look(facts).map((sighting): Finding => {
        const { id, severity, effect, source } = check;
        return { id, severity, effect, source, ...sighting };
      }),
    )
    .sort((left, right) => severities.indexOf(left.severity) - severities.indexOf(right.severity));
}

/** 0, 1 or 2. */
export function exitCodeOf(findings: readonly Finding[]): number {
  return Math.max(0, ...findings.map(({ severity }) => codes[severity]));
}

/** Findings that differ only in their place: hundreds of pools may have the same one. */
export interface Group {
  readonly first: Finding;
  readonly others: readonly Finding[];
}

/** In the order of their first findings. */
export function grouped(findings: readonly Finding[]): Group[] {
  const groups = Map.groupBy(findings, ({ id, severity, seen }) => JSON.stringify([id, severity, seen]));
  return [...groups.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [{ first, others }],
  );
}

/** Number of findings by severity. */
export function countFindings(findings: readonly Finding[]): Record<Severity, number> {
  const count = (severity: Severity): number =>
    findings.filter((finding) => finding.severity === severity).length;
  return { critical: count('critical'), warning: count('warning'), advice: count('advice') };
}

/** Number of findings by check and severity, worst first. */
export function tally(findings: readonly Finding[]): FindingCount[] {
  const groups = Map.groupBy(findings, ({ id, severity }) => `${severity} ${id}`);
  return [...groups.values()].flatMap(([first, ...others]) =>
    first === undefined ? [] : [{ id: first.id, severity: first.severity, count: others.length + 1 }],
  );
}
