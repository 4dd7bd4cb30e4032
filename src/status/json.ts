/** Status page as json, in the reference's spacing. */

import { phpJsonString } from '../text/json.ts';
import { shownText } from '../text/unsafe.ts';
import {
  type FieldKind,
  type FieldValue,
  type ProcessField,
  processFieldsOf,
  shownFields,
} from './fields.ts';
import type { ProcessStatus, StatusSnapshot } from './status-snapshot.ts';
import { numberText } from './values.ts';

export function renderJson(snapshot: StatusSnapshot, full: boolean, nowSeconds: number): string {
  const fields = shownFields(snapshot, nowSeconds).map(({ label, kind, value }) =>
    member(label, kind, value),
  );
  const ofProcess = processFieldsOf(snapshot);
  const processes = snapshot.processes.map((process) => processObject(process, ofProcess, nowSeconds));
  const tail = full ? `, "processes":[${processes.join(',')}]` : '';
  return `{${fields.join(',')}${tail}}`;
}

function processObject(
  process: ProcessStatus,
  ofProcess: readonly ProcessField[],
  nowSeconds: number,
): string {
  const fields = ofProcess.map(({ label, lowerLabel, kind, value }) =>
    member(lowerLabel ?? label, kind, value(process, nowSeconds)),
  );
  return `{${fields.join(',')}}`;
}

function member(label: string, kind: FieldKind, value: FieldValue): string {
  const content = typeof value === 'string' ? phpJsonString(shownText(value)) : numberText(kind, value);
  return `"${label}":${content}`;
}
