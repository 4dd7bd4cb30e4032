/** Findings as JSON. */

import { asciiJson } from '../text/json.ts';
import { countFindings } from './finding.ts';
import type { Report } from './report-text.ts';

/** The form is part of the interface: docs/doctor.md. */
export function renderJson({ file, findings, unknown, silenced, checks }: Report): string {
  const rows = findings.map(({ id, severity, subject, place, seen, effect, mend, source }) => {
    return { id, severity, subject, file: place?.file, line: place?.line, seen, effect, mend, source };
  });
  return `${asciiJson({ file, counts: countFindings(findings), findings: rows, unknown, silenced, checks }, 2)}\n`;
}
