/** Status page as html. */

import { markup } from '../text/markup.ts';
import { shownText } from '../text/unsafe.ts';
import { type FieldKind, type FieldValue, processFieldsOf, shownFields } from './fields.ts';
import type { StatusSnapshot } from './status-snapshot.ts';
import { localTime, numberText } from './values.ts';

const head =
  '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n' +
  '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">\n' +
  '<head><title>PHP-FPM Status Page</title></head>\n' +
  '<body>\n' +
  '<table>\n';

export function renderHtml(snapshot: StatusSnapshot, full: boolean, nowSeconds: number): string {
  const rows = shownFields(snapshot, nowSeconds).map(
    ({ label, kind, value }) => `<tr><th>${label}</th><td>${htmlValue(kind, value)}</td></tr>\n`,
  );
  const pool = `${head}${rows.join('')}</table>\n`;
  return `${pool}${full ? processTable(snapshot, nowSeconds) : ''}</body></html>`;
}

function processTable(snapshot: StatusSnapshot, nowSeconds: number): string {
  const fields = processFieldsOf(snapshot);
  const labels = fields.map(({ label, lowerLabel }) => `<th>${lowerLabel ?? label}</th>`);
  const rows = snapshot.processes.map((process) => {
    const cells = fields.map(({ kind, value }) => `<td>${htmlValue(kind, value(process, nowSeconds))}</td>`);
    return `<tr>${cells.join('')}</tr>\n`;
  });
  return `<table border="1">\n<tr>${labels.join('')}</tr>\n${rows.join('')}</table>`;
}

function htmlValue(kind: FieldKind, value: FieldValue): string {
  if (typeof value === 'string') return markup(shownText(value));
  return kind === 'time' ? localTime(value) : numberText(kind, value);
}
