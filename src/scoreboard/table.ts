/** The layout as tables for docs/contract.md, derived from the list of fields. */

import {
  type Field,
  fieldBytes,
  headerFields,
  routeCount,
  routeFields,
  routeSize,
  routesStart,
  routeTableFields,
  slotFields,
} from './layout.ts';
import { workerStages } from './states.ts';

/** Text between the two `layout` markers of docs/contract.md. */
export function layoutTables(): string {
  const stages = Object.values(workerStages).map(({ code, label }) => `${code} \`${label}\``);
  return [
    '',
    'Header:',
    '',
    ...table(headerFields),
    '',
    'Slot:',
    '',
    ...table(slotFields),
    '',
    'Table of routes, after the last slot:',
    '',
    ...table(routeTableFields),
    '',
    `Route, ${routeCount + 1} of them from offset ${routesStart}, ${routeSize} bytes each; the first one is for all requests without a route of their own:`,
    '',
    ...table(routeFields),
    '',
    `\`state\`: ${stages.join(', ')}. A \`string\` is its length as u16, then its bytes; the type tells its capacity.`,
    'A field of one engine is ignored for a pool of the other. Unused bytes are zero. `_epoch_micros` is CLOCK_REALTIME, `_clock_micros` is CLOCK_MONOTONIC.',
    '',
  ].join('\n');
}

function table(fields: readonly Field[]): string[] {
  return [
    '| offset | bytes | type | name | written by | meaning |',
    '|---|---|---|---|---|---|',
    ...fields.map(
      (field) =>
        `| ${field.offset} | ${fieldBytes(field)} | ${typeName(field)} | \`${field.name}\` | ${writerName(field)} | ${field.about} |`,
    ),
  ];
}

function writerName({ writer, engine }: Field): string {
  return engine === undefined ? writer : `${writer} (${engine})`;
}

function typeName(field: Field): string {
  if (field.type === 'bytes' || field.type === 'string') return `${field.type}(${field.size})`;
  return field.count === undefined ? field.type : `${field.type}[${field.count}]`;
}
