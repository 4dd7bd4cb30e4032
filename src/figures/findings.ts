/** Findings of `hathi doctor`, reported to the master, which only shows them. */

/** Worst first. `advice` is an item of a checklist that causes no harm yet. */
export const severities = ['critical', 'warning', 'advice'] as const;
export type Severity = (typeof severities)[number];

/** Number of findings of a check. */
export interface FindingCount {
  readonly id: string;
  readonly severity: Severity;
  readonly count: number;
}

/** Worst first. */
export interface DoctorAnswer {
  /** Time of the report, milliseconds since 1970. */
  readonly at: number;
  readonly findings: readonly FindingCount[];
}
