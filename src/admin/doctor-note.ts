/**
 * What `hathi doctor` has told a master. The master examines nothing itself, which would take its time and read files of
 * users: it keeps the counts of the last look, and shows them with their age.
 */

import type { AdminSource } from '../figures/admin-source.ts';
import { type DoctorAnswer, type FindingCount, severities } from '../figures/findings.ts';
import { type Answer, failure, json, type Question } from './answer.ts';

/** More checks than there are. */
const mostFindings = 200;
const finding = /^([a-z-]{1,40})\*([1-9]\d{0,5})$/;

/** By the master, whose endpoints may be several, and are made anew at a reload. */
const notes = new WeakMap<AdminSource, DoctorAnswer>();

/** Undefined where it has told nothing since the start. */
export function doctorNote(source: AdminSource): DoctorAnswer | undefined {
  return notes.get(source);
}

/** `POST /api/doctor?critical=ID*COUNT&warning=ID*COUNT…`: replaces what was told before. */
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
