/**
 * Findings that `hathi doctor` reported to a master. The master examines nothing itself, which would take time and read
 * users' files: it keeps the counts of the last report, and shows them with their age.
 */

import type { AdminSource } from '../figures/admin-source.ts';
import { type DoctorAnswer, type FindingCount, severities } from '../figures/findings.ts';
import { type Answer, failure, json, type Question } from './answer.ts';

/** More than the number of checks. */
const mostFindings = 200;
const finding = /^([a-z-]{1,40})\*([1-9]\d{0,5})$/;

/** By master: it may have several endpoints, which a reload recreates. */
const notes = new WeakMap<AdminSource, DoctorAnswer>();

/** Undefined before the first report since the start. */
export function doctorNote(source: AdminSource): DoctorAnswer | undefined {
  return notes.get(source);
}

/** `POST /api/doctor?critical=ID*COUNT&warning=ID*COUNT…`: replaces the previous report. */
export function takeDoctorNote(source: AdminSource, { query }: Question): Answer {
  const findings = severities.flatMap((severity) =>
    query.getAll(severity).map((text): FindingCount | undefined => {
      const [, id, count] = finding.exec(text) ?? [];
      return id === undefined ? undefined : { id, severity, count: Number(count) };
    }),
  );
  if (findings.length > mostFindings || findings.some((each) => each === undefined)) {
    return failure(400, `each finding must be ID*COUNT, and there may be ${mostFindings}`);
  }
  notes.set(source, { at: Date.now(), findings: findings.filter((each) => each !== undefined) });
  return json(200, { outcome: 'noted' });
}
