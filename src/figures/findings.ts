/** What `hathi doctor` has found and told the master, which only shows it. */

/** From the worst one on. `advice` is what a checklist asks for and nothing suffers from yet. */
export const severities = ['critical', 'warning', 'advice'] as const;
export type Severity = (typeof severities)[number];

/** How often a check has found something. */
export interface FindingCount {
  readonly id: string;
  readonly severity: Severity;
  readonly count: number;
}

/** The worst ones first. */
export interface DoctorAnswer {
  /** When it was told, milliseconds since 1970. */
  readonly at: number;
  readonly findings: readonly FindingCount[];
}
