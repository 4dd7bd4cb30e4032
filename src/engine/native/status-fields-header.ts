/** The status page's lists as a C header: native/record/status_fields.h is this text; a test compares them. */

import { workerStages } from '../../scoreboard/states.ts';
import {
  dashed,
  type FieldKind,
  type PoolField,
  type ProcessField,
  poolFields,
  processFieldsOf,
} from '../../status/fields.ts';
import { statusHeaders } from '../../status/render.ts';
import { statusFormats } from '../../status/select.ts';

/** The text of native/record/status_fields.h. */
export function statusFieldsHeader(): string {
  const plain = processFieldsOf({ isBooted: false });
  const all = processFieldsOf({ isBooted: true });
  const poolConstants = poolFields.map(({ label }) => constant('POOL', label));
  const processConstants = all.map(({ label }) => constant('PROCESS', label));
  const formats = statusFormats.map((name) => constant('STATUS', name));
  const stages = Object.values(workerStages).toSorted((left, right) => left.code - right.code);
  return [
    '/* Made from src/status/fields.ts; see src/engine/native/status-fields-header.ts. Do not edit. */',
    '#ifndef HATHI_STATUS_FIELDS_H',
    '#define HATHI_STATUS_FIELDS_H',
    '',
    '#include <stdbool.h>',
    '#include <stddef.h>',
    '',
    ...enumeration('hathi_status_kind', kinds.map(kindConstant)),
    ...enumeration('hathi_pool_field', [...poolConstants, 'HATHI_POOL_FIELDS']),
    '/* Those behind HATHI_PROCESS_FIELDS are shown in worker mode only. */',
    ...enumeration('hathi_process_field', [...processConstants, 'HATHI_PROCESS_ALL_FIELDS']),
    `enum { HATHI_PROCESS_FIELDS = ${plain.length} };`,
    '',
    '/* In the order in which a query string selects them; the last one is that of a query without any. */',
    ...enumeration('hathi_status_format', [...formats, 'HATHI_STATUS_FORMATS']),
    'struct hathi_pool_field_facts {',
    '\tconst char *label;',
    '\t/* Of xml and of fpm_get_status(). */',
    '\tconst char *element;',
    '\tenum hathi_status_kind kind;',
    '\t/* NULL without one. */',
    '\tconst char *metric;',
    '\tconst char *metric_type;',
    '\tconst char *metric_help;',
    '\tbool type_first;',
    '};',
    '',
    'struct hathi_process_field_facts {',
    '\tconst char *label;',
    '\t/* Of html and json. */',
    '\tconst char *lower_label;',
    '\tconst char *element;',
    '\t/* Of fpm_get_status(). */',
    '\tconst char *key;',
    '\tenum hathi_status_kind kind;',
    '};',
    '',
    ...table('HATHI_POOL_FIELD_FACTS', poolFields.map(poolRow)),
    ...table('HATHI_PROCESS_FIELD_FACTS', all.map(processRow)),
    '/* By stage. */',
    ...table(
      'HATHI_STAGE_LABELS',
      stages.map(({ code, label }) => `[${code}] = ${quoted(label)}`),
    ),
    '/* By format. */',
    ...table('HATHI_STATUS_FORMAT_NAMES', statusFormats.map(quoted)),
    ...table(
      'HATHI_STATUS_HEADERS',
      statusFormats.map((format) =>
        quoted(
          statusHeaders(format)
            .map(([name, value]) => `${name}: ${value}\r\n`)
            .join(''),
        ),
      ),
    ),
    '#endif',
    '',
  ].join('\n');
}

const kinds: readonly FieldKind[] = ['string', 'number', 'percent', 'time'];

function constant(group: 'POOL' | 'PROCESS' | 'STATUS' | 'KIND', label: string): string {
  return `HATHI_${group}_${label.toUpperCase().replaceAll(' ', '_')}`;
}

function kindConstant(kind: FieldKind): string {
  return constant('KIND', kind);
}

/** Plain ASCII without a `?`, which could begin a trigraph, so that JSON's escapes are C's. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function poolRow({ label, kind, metric }: PoolField): string {
  const cells = [quoted(label), quoted(dashed(label)), kindConstant(kind)];
  if (metric === undefined) cells.push('NULL', 'NULL', 'NULL', 'false');
  else
    cells.push(
      quoted(metric.name),
      quoted(metric.type),
      quoted(metric.help),
      String(metric.typeFirst === true),
    );
  return `{${cells.join(', ')}}`;
}

function processRow({ label, lowerLabel = label, key, kind }: ProcessField): string {
  const element = dashed(lowerLabel);
  const cells = [label, lowerLabel, element, key ?? element].map(quoted);
  return `{${[...cells, kindConstant(kind)].join(', ')}}`;
}

function enumeration(name: string, constants: readonly string[]): string[] {
  return [`enum ${name} {`, ...constants.map((one) => `\t${one},`), '};', ''];
}

function table(name: string, rows: readonly string[]): string[] {
  return [`#define ${name} { \\`, ...rows.map((row) => `\t${row}, \\`), '}', ''];
}
