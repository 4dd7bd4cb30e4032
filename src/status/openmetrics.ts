/** Status page as OpenMetrics text; it has no per-process data. */

import { asBinary, type BinaryString } from '../text/binary.ts';
import { shownText } from '../text/unsafe.ts';
import { type Metric, shownFields } from './fields.ts';
import type { StatusSnapshot } from './status-snapshot.ts';
import { numberText } from './values.ts';

export function renderOpenMetrics(snapshot: StatusSnapshot, _full: boolean, nowSeconds: number): string {
  const help = `Could pool ${snapshot.pool} using a ${snapshot.processManager} PM on PHP-FPM be reached?`;
  const blocks = [block({ name: 'phpfpm_up', type: 'gauge', help: metricHelp(asBinary(help)) }, '1')];
  for (const { kind, metric, value } of shownFields(snapshot, nowSeconds)) {
    if (metric !== undefined) blocks.push(block(metric, numberText(kind, value)));
  }
  return `${blocks.join('')}# EOF\n`;
}

function block({ name, type, help, typeFirst }: Metric, value: string): string {
  const lines = [`# HELP ${name} ${help}\n`, `# TYPE ${name} ${type}\n`];
  if (typeFirst === true) lines.reverse();
  return `${lines.join('')}${name} ${value}\n`;
}

/**
 * The format escapes backslash, quote and newline in the help text; control characters such as newline are gone by now.
 */
function metricHelp(binary: BinaryString): string {
  return shownText(binary).replace(/[\\"]/g, '\\$&');
}
