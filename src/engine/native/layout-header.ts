/** The scoreboard's layout as a C header: native/layout.h is this text, which a test compares. */

import { durationBounds } from '../../scoreboard/durations.ts';
import {
  headerFields,
  headerSize,
  scoreboardMagic,
  scoreboardVersion,
  slotFields,
  slotSize,
} from '../../scoreboard/layout.ts';

/** The text of native/layout.h. */
export function layoutHeader(): string {
  const constants: (readonly [string, number])[] = [
    ['VERSION', scoreboardVersion],
    ['HEADER_SIZE', headerSize],
    ['SLOT_SIZE', slotSize],
    ...headerFields.map(({ name, offset }) => [`HEADER_${name.toUpperCase()}`, offset] as const),
    ...slotFields.flatMap((field) => {
      const name = `SLOT_${field.name.toUpperCase()}`;
      const at = [name, field.offset] as const;
      return field.type === 'string' ? [at, [`${name}_CAPACITY`, field.size] as const] : [at];
    }),
  ];
  return [
    '/* Made from src/scoreboard/layout.ts; see src/engine/native/layout-header.ts. Do not edit. */',
    '#ifndef HATHI_LAYOUT_H',
    '#define HATHI_LAYOUT_H',
    '',
    `#define HATHI_SB_MAGIC "${scoreboardMagic.slice(0, 7)}"`,
    '',
    'enum {',
    ...constants.map(([name, value]) => `\tHATHI_SB_${name} = ${value},`),
    '};',
    '',
    '/* Upper ends of the classes of `durations`, microseconds; there is one class more. */',
    `#define HATHI_SB_DURATION_BOUNDS {${durationBounds.join(', ')}}`,
    '',
    '#endif',
    '',
  ].join('\n');
}
