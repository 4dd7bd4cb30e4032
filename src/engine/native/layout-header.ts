/** The scoreboard's layout as a C header: native/record/layout.h is this text; a test compares them. */

import {
  durationBounds,
  durationClasses,
  peakPeriodMicros,
  peakPeriods,
} from '../../scoreboard/durations.ts';
import {
  type Field,
  headerFields,
  headerSize,
  leastGrowthRequests,
  routeCount,
  routeFields,
  routeSize,
  routesSize,
  routesStart,
  routeTableFields,
  scoreboardMagic,
  scoreboardVersion,
  slotFields,
  slotSize,
  warmAfterRequests,
} from '../../scoreboard/layout.ts';

/** The text of native/record/layout.h. */
export function layoutHeader(): string {
  const constants: (readonly [string, number])[] = [
    ['VERSION', scoreboardVersion],
    ['HEADER_SIZE', headerSize],
    ['SLOT_SIZE', slotSize],
    ['ROUTES_SIZE', routesSize],
    ['ROUTES_START', routesStart],
    ['ROUTE_SIZE', routeSize],
    ['ROUTE_COUNT', routeCount],
    ['PEAK_PERIOD_MICROS', peakPeriodMicros],
    ['PEAK_PERIODS', peakPeriods],
    ['WARM_AFTER_REQUESTS', warmAfterRequests],
    ['LEAST_REQUESTS', leastGrowthRequests],
    ...offsetsOf('HEADER', headerFields),
    ...offsetsOf('SLOT', slotFields),
    ...offsetsOf('ROUTES', routeTableFields),
    ...offsetsOf('ROUTE', routeFields),
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
    `enum { HATHI_DURATION_CLASSES = ${durationClasses} };`,
    '',
    '#endif',
    '',
  ].join('\n');
}

/** An offset for each field, and the capacity of each string. */
function offsetsOf(owner: string, fields: readonly Field[]): (readonly [string, number])[] {
  return fields.flatMap((field) => {
    const name = `${owner}_${field.name.toUpperCase()}`;
    const at = [name, field.offset] as const;
    return field.type === 'string' ? [at, [`${name}_CAPACITY`, field.size] as const] : [at];
  });
}
