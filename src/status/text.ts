/** Status page as text. */

import { shownText } from '../text/unsafe.ts';
import { type FieldKind, type FieldValue, processFieldsOf, shownFields } from './fields.ts';
import type { StatusSnapshot } from './status-snapshot.ts';
import { localTime, numberText } from './values.ts';

/** Column of the values. */
const valueColumn = 22;

export function renderText(snapshot: StatusSnapshot, full: boolean, nowSeconds: number): string {
  const lines = shownFields(snapshot, nowSeconds).map(({ label, kind, value }) => line(label, kind, value));
  if (!full) return lines.join('');
  const fields = processFieldsOf(snapshot);
  for (const process of snapshot.processes) {
    lines.push('\n************************\n');
    for (const { label, kind, value } of fields) lines.push(line(label, kind, value(process, nowSeconds)));
  }
  return lines.join('');
}

function line(label: string, kind: FieldKind, value: FieldValue): string {
  return `${`${label}:`.padEnd(valueColumn)}${textValue(kind, value)}\n`;
}

function textValue(kind: FieldKind, value: FieldValue): string {
  if (typeof value === 'string') return shownText(value);
  return kind === 'time' ? localTime(value) : numberText(kind, value);
}
