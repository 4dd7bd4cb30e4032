// @ts-check
/** Findings that `hathi doctor` reported to the master, and the time since then. */

/** @import { Doctor as DoctorAnswer } from './types.d.ts' */

import { setAttribute, setText } from './dom.js';
import { span } from './format.js';

/** @type {Readonly<Record<string, string>>} */
const alarms = { critical: 'bad', warning: 'warn' };

/**
 * @param {HTMLElement} row
 * @param {DoctorAnswer | undefined} doctor
 * @param {number} now of the master, milliseconds
 */
export function showDoctor(row, doctor, now) {
  row.hidden = doctor === undefined;
  if (doctor === undefined) return;
  const [worst] = doctor.findings;
  setAttribute(row, 'data-alarm', alarms[worst?.severity ?? ''] ?? '');
  setText(row, `Doctor, ${span((now - doctor.at) / 1000)} ago: ${summary(doctor)}`);
}

/** @param {DoctorAnswer} doctor */
function summary({ findings }) {
  if (findings.length === 0) return 'nothing found';
  const parts = [...new Set(findings.map(({ severity }) => severity))].map((severity) => {
    const found = findings.filter((each) => each.severity === severity);
    const names = found.map(({ id, count }) => (count === 1 ? id : `${id} ×${count}`));
    return `${severity}: ${names.join(', ')}`;
  });
  return `${parts.join(' · ')}. hathi doctor --live says what mends them.`;
}
