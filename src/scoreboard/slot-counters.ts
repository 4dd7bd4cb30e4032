/** Sums of what workers counted in their slots. */

import type { SlotCounters } from './decode.ts';
import { addDurations, noDurations } from './durations.ts';

export const noCounters: SlotCounters = { responses: [0, 0, 0, 0, 0], durations: noDurations };

export function addCounters(left: SlotCounters, right: SlotCounters): SlotCounters {
  return {
    responses: left.responses.map((value, index) => value + (right.responses[index] ?? 0)),
    durations: addDurations(left.durations, right.durations),
  };
}
