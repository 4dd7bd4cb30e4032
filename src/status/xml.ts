/** Status page as xml. */

import { markup } from '../text/markup.ts';
import { shownText } from '../text/unsafe.ts';
import {
  dashed,
  type FieldKind,
  type FieldValue,
  type ProcessField,
  processFieldsOf,
  shownFields,
} from './fields.ts';
import type { ProcessStatus, StatusSnapshot } from './status-snapshot.ts';
import { numberText } from './values.ts';

export function renderXml(snapshot: StatusSnapshot, full: boolean, nowSeconds: number): string {
  const fields = shownFields(snapshot, nowSeconds).map(
    ({ label, kind, value }) => `${element(dashed(label), kind, value)}\n`,
  );
  const ofProcess = processFieldsOf(snapshot);
  const processes = snapshot.processes.map((process) => processLine(process, ofProcess, nowSeconds));
  const tail = full ? `<processes>\n${processes.join('')}</processes>\n` : '';
  return `<?xml version="1.0" ?>\n<status>\n${fields.join('')}${tail}</status>`;
}

function processLine(process: ProcessStatus, ofProcess: readonly ProcessField[], nowSeconds: number): string {
  const fields = ofProcess.map(({ label, lowerLabel, kind, value }) =>
    element(dashed(lowerLabel ?? label), kind, value(process, nowSeconds)),
  );
  return `<process>${fields.join('')}</process>\n`;
}

function element(name: string, kind: FieldKind, value: FieldValue): string {
  const content = typeof value === 'string' ? markup(shownText(value)) : numberText(kind, value);
  return `<${name}>${content}</${name}>`;
}
